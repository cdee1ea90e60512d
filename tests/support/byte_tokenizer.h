// A tokenizer whose ids are the bytes of a text ("ab" is one token, 300), with the tokens of ChatML: what a test
// expects is read off the text. Every text can be encoded, and comes back as it was.
//   const fs::path model = write_byte_tokenizer(folder);       // a model directory without a model
#pragma once
#include "kernels/host/json.h"
#include "kernels/host/text.h"
#include "tests/support/environment.h"

namespace hone::test {

inline constexpr int32_t kByteStart = 256, kByteImStart = 257, kByteImEnd = 258, kByteEnd = 259, kByteAb = 300;

struct ByteTokenizer {
  bool adds_start = false;  // <s> first
};

inline fs::path write_byte_tokenizer(const TemporaryFolder& folder, const ByteTokenizer& options = {}) {
  OrderedJson vocabulary;
  int32_t moved = 0;
  for (int32_t byte = 0; byte < 256; ++byte) {  // printable characters stand for themselves, others for U+0100 and on
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    std::string character;
    append_utf8(character, char32_t(printable ? byte : 256 + moved++));
    vocabulary[character] = byte;
  }
  vocabulary["ab"] = kByteAb;
  OrderedJson added = OrderedJson::array();
  for (const auto& [text, id] : std::vector<std::pair<const char*, int32_t>>{
           {"<s>", kByteStart}, {"<|im_start|>", kByteImStart}, {"<|im_end|>", kByteImEnd}, {"</s>", kByteEnd}}) {
    added.push_back({{"id", id},
                     {"content", text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
    vocabulary[text] = id;
  }
  const OrderedJson level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  OrderedJson json{{"version", "1.0"},
                   {"truncation", nullptr},
                   {"padding", nullptr},
                   {"added_tokens", added},
                   {"normalizer", nullptr},
                   {"pre_tokenizer", level},
                   {"post_processor", nullptr},
                   {"decoder", level},
                   {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"a b"}}}}};
  if (options.adds_start)
    json["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"pair", OrderedJson::array()},
        {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {kByteStart}}, {"tokens", {"<s>"}}}}}}};
  folder.write("model/tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>"})");
  folder.write("model/tokenizer.json", json.dump());
  return folder / "model";
}

}  // namespace hone::test
