#include "tests/support/tiny_run.h"

#include <fstream>
#include <sstream>

#include "kernels/core/random.h"

namespace hone::test {

namespace {
constexpr const char* kConfig =
    R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
  "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 48,
  "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true,
  "eos_token_id": 2})";

// Rows of 5 to 24 tokens that count upwards from a random start: something to learn. Half of each row is learned.
std::string rows(int count, uint32_t stream) {
  std::string text;
  for (int r = 0; r < count; ++r) {
    const auto drawn = random_block({.seed = 3, .step = stream}, uint32_t(r));
    const int length = 5 + int(drawn[0] % 20), start = 3 + int(drawn[1] % 45);
    std::string ids, labels;
    for (int i = 0; i < length; ++i) {
      const int token = 3 + (start - 3 + i) % 45;
      ids += (i ? "," : "") + std::to_string(token);
      labels += (i ? "," : "") + std::to_string(i >= length / 2 ? token : -100);
    }
    text += "{\"input_ids\":[" + ids + "],\"labels\":[" + labels + "]}\n";
  }
  return text;
}
}  // namespace

TinyRun::TinyRun() {
  folder_.write("model/config.json", kConfig);
  folder_.write("train.jsonl", rows(90, 0));
  folder_.write("held_out.jsonl", rows(12, 1));
  recipe();
}

fs::path TinyRun::recipe(const std::map<std::string, std::string>& settings) const {
  std::map<std::string, std::map<std::string, std::string>> sections{
      {"model",
       {{"path", (folder_ / "model").string()}, {"weights", "random"}, {"quantization", "nf4"}, {"threads", "1"}}},
      {"adapter", {{"r", "4"}, {"lora_alpha", "8"}, {"lora_dropout", "0.1"}}},
      {"data",
       {{"train", "[{path: " + (folder_ / "train.jsonl").string() + ", type: tokens}]"},
        {"evaluation", "[{path: " + (folder_ / "held_out.jsonl").string() + ", type: tokens}]"},
        {"max_length", "48"}}},
      {"training",
       {{"max_steps", "12"},
        {"learning_rate", "5e-3"},
        {"micro_batch_size", "2"},
        {"gradient_accumulation_steps", "2"},
        {"warmup_steps", "2"}}},
      {"output", {{"dir", (folder_ / "run").string()}, {"save_every", "3"}}}};
  for (const auto& [key, value] : settings)
    sections[key.substr(0, key.find('.'))][key.substr(key.find('.') + 1)] = value;
  std::string text;
  for (const char* section : {"model", "adapter", "data", "training", "output"}) {
    text += std::string(section) + ":\n";
    for (const auto& [key, value] : sections[section]) text += "  " + key + ": " + value + "\n";
  }
  return folder_.write("recipe.yaml", text);
}

std::vector<std::string> TinyRun::train(const std::string& name, const std::vector<std::string>& more) const {
  std::vector<std::string> words{"train", (folder_ / "recipe.yaml").string(), "--set",
                                 "output.dir=" + (folder_ / name).string()};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string contents(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace hone::test
