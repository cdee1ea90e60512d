#include "trainer/model/shapes.h"

#include <algorithm>
#include <set>

#include "kernels/host/text.h"
#include "trainer/model/load.h"

namespace hone::trainer {

namespace {
struct Row {
  const char *name, *config;  // as published, what read_config takes for granted and tokens left out
};
constexpr Row kRows[] = {
    {"llama-3.1-8b", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "num_hidden_layers": 32,
      "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 14336,
      "max_position_embeddings": 131072, "tie_word_embeddings": false, "rms_norm_eps": 1e-5,
      "rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
      "high_freq_factor": 4, "original_max_position_embeddings": 8192}})"},
    {"llama-3.1-70b", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 8192, "num_hidden_layers": 80,
      "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 28672,
      "max_position_embeddings": 131072, "tie_word_embeddings": false, "rms_norm_eps": 1e-5,
      "rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
      "high_freq_factor": 4, "original_max_position_embeddings": 8192}})"},
    {"llama-3.3-70b", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 8192, "num_hidden_layers": 80,
      "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 28672,
      "max_position_embeddings": 131072, "tie_word_embeddings": false, "rms_norm_eps": 1e-5,
      "rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
      "high_freq_factor": 4, "original_max_position_embeddings": 8192}})"},
    {"llama-3.2-1b", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 2048, "num_hidden_layers": 16,
      "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 8192,
      "max_position_embeddings": 131072, "tie_word_embeddings": true, "rms_norm_eps": 1e-5,
      "rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", "factor": 32, "low_freq_factor": 1,
      "high_freq_factor": 4, "original_max_position_embeddings": 8192}})"},
    {"llama-3.2-3b", R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 3072, "num_hidden_layers": 28,
      "num_attention_heads": 24, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 8192,
      "max_position_embeddings": 131072, "tie_word_embeddings": true, "rms_norm_eps": 1e-5,
      "rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", "factor": 32, "low_freq_factor": 1,
      "high_freq_factor": 4, "original_max_position_embeddings": 8192}})"},
    {"qwen2.5-0.5b", R"({"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896, "num_hidden_layers": 24,
      "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864,
      "max_position_embeddings": 32768, "tie_word_embeddings": true, "rope_theta": 1000000})"},
    {"qwen2.5-1.5b", R"({"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 1536, "num_hidden_layers": 28,
      "num_attention_heads": 12, "num_key_value_heads": 2, "intermediate_size": 8960,
      "max_position_embeddings": 131072, "tie_word_embeddings": true, "rope_theta": 1000000})"},
    {"qwen2.5-3b", R"({"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 2048, "num_hidden_layers": 36,
      "num_attention_heads": 16, "num_key_value_heads": 2, "intermediate_size": 11008,
      "max_position_embeddings": 32768, "tie_word_embeddings": true, "rope_theta": 1000000})"},
    {"qwen2.5-7b", R"({"model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584, "num_hidden_layers": 28,
      "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 18944,
      "max_position_embeddings": 131072, "tie_word_embeddings": false, "rope_theta": 1000000})"},
    {"qwen2.5-14b", R"({"model_type": "qwen2", "vocab_size": 152064, "hidden_size": 5120, "num_hidden_layers": 48,
      "num_attention_heads": 40, "num_key_value_heads": 8, "intermediate_size": 13824,
      "max_position_embeddings": 131072, "tie_word_embeddings": false, "rope_theta": 1000000})"},
    {"qwen2.5-32b", R"({"model_type": "qwen2", "vocab_size": 152064, "hidden_size": 5120, "num_hidden_layers": 64,
      "num_attention_heads": 40, "num_key_value_heads": 8, "intermediate_size": 27648,
      "max_position_embeddings": 131072, "tie_word_embeddings": false, "rope_theta": 1000000})"},
    {"qwen2.5-72b", R"({"model_type": "qwen2", "vocab_size": 152064, "hidden_size": 8192, "num_hidden_layers": 80,
      "num_attention_heads": 64, "num_key_value_heads": 8, "intermediate_size": 29568,
      "max_position_embeddings": 131072, "tie_word_embeddings": false, "rope_theta": 1000000})"},
    {"qwen3-0.6b", R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024, "num_hidden_layers": 28,
      "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072,
      "max_position_embeddings": 40960, "tie_word_embeddings": true, "rope_theta": 1000000})"},
    {"qwen3-4b", R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 2560, "num_hidden_layers": 36,
      "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 9728,
      "max_position_embeddings": 40960, "tie_word_embeddings": true, "rope_theta": 1000000})"},
    {"qwen3-8b", R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 4096, "num_hidden_layers": 36,
      "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288,
      "max_position_embeddings": 40960, "tie_word_embeddings": false, "rope_theta": 1000000})"},
    {"qwen3-32b", R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 5120, "num_hidden_layers": 64,
      "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 25600,
      "max_position_embeddings": 40960, "tie_word_embeddings": false, "rope_theta": 1000000})"},
    {"mistral-7b", R"({"model_type": "mistral", "vocab_size": 32768, "hidden_size": 4096, "num_hidden_layers": 32,
      "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 14336,
      "max_position_embeddings": 32768, "tie_word_embeddings": false, "sliding_window": null,
      "rms_norm_eps": 1e-5, "rope_theta": 1000000})"},  // v0.3
    {"mistral-nemo-12b",
     R"({"model_type": "mistral", "vocab_size": 131072, "hidden_size": 5120, "num_hidden_layers": 40,
      "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 14336,
      "max_position_embeddings": 131072, "tie_word_embeddings": false, "sliding_window": null,
      "rms_norm_eps": 1e-5, "rope_theta": 1000000})"},
    {"gemma-2-2b", R"({"model_type": "gemma2", "vocab_size": 256000, "hidden_size": 2304, "num_hidden_layers": 26,
      "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 9216,
      "max_position_embeddings": 8192, "tie_word_embeddings": true})"},
    {"gemma-2-9b", R"({"model_type": "gemma2", "vocab_size": 256000, "hidden_size": 3584, "num_hidden_layers": 42,
      "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256, "intermediate_size": 14336,
      "max_position_embeddings": 8192, "tie_word_embeddings": true})"},
    {"gemma-2-27b", R"({"model_type": "gemma2", "vocab_size": 256000, "hidden_size": 4608, "num_hidden_layers": 46,
      "num_attention_heads": 32, "num_key_value_heads": 16, "head_dim": 128, "intermediate_size": 36864,
      "max_position_embeddings": 8192, "tie_word_embeddings": true, "query_pre_attn_scalar": 144})"},
    {"gemma-3-1b", R"({"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "num_hidden_layers": 26,
      "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 6912,
      "max_position_embeddings": 32768, "tie_word_embeddings": true, "sliding_window": 512})"},
    {"phi-3.5-mini", R"({"model_type": "phi3", "vocab_size": 32064, "hidden_size": 3072, "num_hidden_layers": 32,
      "num_attention_heads": 32, "num_key_value_heads": 32, "intermediate_size": 8192,
      "max_position_embeddings": 131072, "tie_word_embeddings": false, "sliding_window": 262144,
      "original_max_position_embeddings": 4096})"},
    {"phi-4", R"({"model_type": "phi3", "vocab_size": 100352, "hidden_size": 5120, "num_hidden_layers": 40,
      "num_attention_heads": 40, "num_key_value_heads": 10, "intermediate_size": 17920,
      "max_position_embeddings": 16384, "tie_word_embeddings": false, "sliding_window": null,
      "rope_theta": 250000})"},
    {"phi-4-mini", R"({"model_type": "phi3", "vocab_size": 200064, "hidden_size": 3072, "num_hidden_layers": 32,
      "num_attention_heads": 24, "num_key_value_heads": 8, "intermediate_size": 8192,
      "max_position_embeddings": 131072, "tie_word_embeddings": true, "sliding_window": 262144,
      "partial_rotary_factor": 0.75})"},
    {"olmo-2-7b", R"({"model_type": "olmo2", "vocab_size": 100352, "hidden_size": 4096, "num_hidden_layers": 32,
      "num_attention_heads": 32, "num_key_value_heads": 32, "intermediate_size": 11008,
      "max_position_embeddings": 4096, "tie_word_embeddings": false, "rms_norm_eps": 1e-6,
      "rope_theta": 500000})"},
    {"tinyllama-1.1b", R"({"model_type": "llama", "vocab_size": 32000, "hidden_size": 2048, "num_hidden_layers": 22,
      "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 64, "intermediate_size": 5632,
      "max_position_embeddings": 2048, "tie_word_embeddings": false, "rms_norm_eps": 1e-5})"},
    {"smollm2-135m", R"({"model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "num_hidden_layers": 30,
      "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 64, "intermediate_size": 1536,
      "max_position_embeddings": 8192, "tie_word_embeddings": true, "rms_norm_eps": 1e-5,
      "rope_theta": 100000})"},
    {"smollm2-360m", R"({"model_type": "llama", "vocab_size": 49152, "hidden_size": 960, "num_hidden_layers": 32,
      "num_attention_heads": 15, "num_key_value_heads": 5, "head_dim": 64, "intermediate_size": 2560,
      "max_position_embeddings": 8192, "tie_word_embeddings": true, "rms_norm_eps": 1e-5,
      "rope_theta": 100000})"},
    {"smollm2-1.7b", R"({"model_type": "llama", "vocab_size": 49152, "hidden_size": 2048, "num_hidden_layers": 24,
      "num_attention_heads": 32, "num_key_value_heads": 32, "head_dim": 64, "intermediate_size": 8192,
      "max_position_embeddings": 8192, "tie_word_embeddings": true, "rms_norm_eps": 1e-5,
      "rope_theta": 130000})"},
};
}  // namespace

int64_t parameter_count(const Config& config) {
  Stream meta = Stream::meta();
  std::set<autograd::ParameterPtr> counted;  // a tied head is the embedding again
  int64_t sum = 0;
  for (const ParameterPtr& parameter : load_decoder(meta, config, ShapeWeights(), {}).parameters())
    if (counted.insert(parameter).second) sum += parameter->value.elements();
  return sum;
}

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.push_back(row.name);
  return names;
}

Config shape_config(const std::string& name) {
  const auto row = std::ranges::find_if(kRows, [&](const Row& r) { return name == r.name; });
  if (row == std::end(kRows)) {
    const std::vector<std::string> names = shape_names();
    const auto near = nearest(name, names);
    std::string known;
    for (const std::string& one : names) known += (known.empty() ? "" : ", ") + one;
    fail(ExitCode::usage, "model.shape: no shape is called ", name, near ? "; did you mean " + *near + "?" : "",
         " (known: ", known, ")");
  }
  const Json json = parse_json(row->config, name);
  return read_config(JsonView(json, name));
}

}  // namespace hone::trainer
