// Writes the quickstart's files:
//   hone_quickstart_data base FILE LINES     the base's training text, rows of type `text`
//   hone_quickstart_data tuning FILE ROWS    questions to learn from
//   hone_quickstart_data test FILE ROWS      questions to be asked afterwards
//   hone_quickstart_data start FOLDER        config.json and tokenizer.json of the untrained base
#include <iostream>

#include "kernels/host/error.h"
#include "kernels/host/file.h"
#include "kernels/host/json.h"
#include "kernels/host/text.h"
#include "tools/quickstart_data/words.h"

namespace hone::quickstart {
namespace {

// Characters are tokens: 3 special ones, then these. 64 in all.
constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyz0123456789 .,:;=?!'-+*/()\"_<>@#&%$\n";
constexpr const char *kUnknown = "<unk>", *kStart = "<s>", *kEnd = "</s>";

OrderedJson special(int id, const char* content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

void write_start(const fs::path& folder) {
  OrderedJson vocabulary{{kUnknown, 0}, {kStart, 1}, {kEnd, 2}};
  for (const char c : kCharacters) vocabulary[std::string(1, c)] = vocabulary.size();
  const int size = int(vocabulary.size());
  require(size <= 64, "[quickstart] ", size, " tokens, at most 64 are meant");
  const OrderedJson tokenizer{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", OrderedJson::array({special(0, kUnknown), special(1, kStart), special(2, kEnd)})},
      {"normalizer", {{"type", "Lowercase"}}},
      {"pre_tokenizer", nullptr},
      {"post_processor", nullptr},
      {"decoder", {{"type", "Fuse"}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", kUnknown},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", false},
        {"vocab", vocabulary},
        {"merges", OrderedJson::array()}}}};
  const OrderedJson config{{"architectures", {"LlamaForCausalLM"}},
                           {"model_type", "llama"},
                           {"hidden_size", 128},
                           {"intermediate_size", 352},
                           {"num_hidden_layers", 4},
                           {"num_attention_heads", 4},
                           {"num_key_value_heads", 2},
                           {"head_dim", 32},
                           {"vocab_size", 64},
                           {"max_position_embeddings", 256},
                           {"rms_norm_eps", 1e-5},
                           {"rope_theta", 10000.0},
                           {"hidden_act", "silu"},
                           {"tie_word_embeddings", true},
                           {"attention_bias", false},
                           {"mlp_bias", false},
                           {"bos_token_id", 1},
                           {"eos_token_id", 2},
                           {"torch_dtype", "float32"}};
  const OrderedJson tokenizer_config{{"bos_token", kStart},
                                     {"eos_token", kEnd},
                                     {"unk_token", kUnknown},
                                     {"tokenizer_class", "PreTrainedTokenizerFast"}};
  make_folders(folder);
  write_text(folder / "config.json", config.dump(2) + "\n");
  write_text(folder / "tokenizer.json", tokenizer.dump(1) + "\n");
  write_text(folder / "tokenizer_config.json", tokenizer_config.dump(2) + "\n");
}

void write_rows(const fs::path& file, size_t count, const std::function<OrderedJson(size_t)>& row) {
  FileWriter out(file);
  for (size_t i = 0; i < count; ++i) out.write(row(i).dump() + "\n");
  out.commit();
}

int run(const std::vector<std::string>& words) {
  const auto count = [&] {
    const auto number = parse_integer(words[2]);
    require(number && *number > 0, ExitCode::usage, "expected a number of rows, got ", words[2]);
    return size_t(*number);
  };
  if (words.size() == 2 && words[0] == "start") {
    write_start(words[1]);
  } else if (words.size() == 3 && words[0] == "base") {
    write_rows(words[1], count(), [](size_t i) { return OrderedJson{{"text", base_line(i)}}; });
  } else if (words.size() == 3 && (words[0] == "tuning" || words[0] == "test")) {
    const std::vector<Question> all = questions(words[0] == "test" ? Share::test : Share::tuning, count());
    write_rows(words[1], all.size(), [&](size_t i) {
      return OrderedJson{{"prompt", all[i].prompt}, {"completion", all[i].answer}};
    });
  } else {
    fail(ExitCode::usage, "usage: hone_quickstart_data base|tuning|test FILE ROWS, or start FOLDER");
  }
  return 0;
}

}  // namespace
}  // namespace hone::quickstart

int main(int argc, char** argv) {
  try {
    return hone::quickstart::run({argv + 1, argv + argc});
  } catch (const hone::Error& error) {
    std::cerr << error.what() << '\n';
    return int(error.code());
  }
}
