// A tokenizer of letters, a character a token, with the chat layouts' special tokens and the four bytes of one emoji:
// 80 ids, so that it fits the smallest models.
#pragma once
#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::test {

inline constexpr int32_t kLetters = 80;

// Writes tokenizer.json and tokenizer_config.json (eos: <|im_end|>, 2) below `name`.
inline void write_letters_tokenizer(const TemporaryFolder& folder, const std::string& name) {
  const std::string characters = "\n :.,?!abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  OrderedJson vocabulary{{"<unk>", 0}, {"<|im_start|>", 1}, {"<|im_end|>", 2}};
  int next = 3;
  for (const char c : characters) vocabulary[std::string(1, c)] = next++;
  for (const char* byte : {"<0xF0>", "<0x9F>", "<0x99>", "<0x82>"}) vocabulary[byte] = next++;
  OrderedJson added = OrderedJson::array();
  for (const char* special :
       {"<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}) {
    if (!vocabulary.contains(special)) vocabulary[special] = next++;
    added.push_back({{"id", vocabulary[special]},
                     {"content", special},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const OrderedJson json{
      {"version", "1.0"},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", nullptr},
      {"post_processor", nullptr},
      {"decoder", {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}}},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"byte_fallback", true},
        {"vocab", vocabulary},
        {"merges", OrderedJson::array()}}}};
  folder.write(name + "/tokenizer.json", json.dump());
  folder.write(name + "/tokenizer_config.json", R"({"eos_token": "<|im_end|>"})");
}

}  // namespace hone::test
