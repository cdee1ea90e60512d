#include "trainer/model/shapes.h"

#include <algorithm>
#include <set>

#include "kernels/host/text.h"
#include "trainer/model/load.h"

namespace hone::trainer {

namespace {
struct Row {
  const char* name;
  const Family* family;
  int64_t vocabulary, width, layers, heads, kv_heads, head_dim, mlp_width, positions;
  bool tied;
};
constexpr Row kRows[] = {
    {"llama-3.1-8b", &kFamilies[0], 128256, 4096, 32, 32, 8, 128, 14336, 131072, false},
    {"llama-3.1-70b", &kFamilies[0], 128256, 8192, 80, 64, 8, 128, 28672, 131072, false},
    {"llama-3.3-70b", &kFamilies[0], 128256, 8192, 80, 64, 8, 128, 28672, 131072, false},
    {"llama-3.2-1b", &kFamilies[0], 128256, 2048, 16, 32, 8, 64, 8192, 131072, true},
    {"llama-3.2-3b", &kFamilies[0], 128256, 3072, 28, 24, 8, 128, 8192, 131072, true},
    {"qwen2.5-0.5b", &kQwen2, 151936, 896, 24, 14, 2, 64, 4864, 32768, true},
    {"qwen2.5-1.5b", &kQwen2, 151936, 1536, 28, 12, 2, 128, 8960, 131072, true},
    {"qwen2.5-3b", &kQwen2, 151936, 2048, 36, 16, 2, 128, 11008, 32768, true},
    {"qwen2.5-7b", &kQwen2, 152064, 3584, 28, 28, 4, 128, 18944, 131072, false},
    {"qwen2.5-14b", &kQwen2, 152064, 5120, 48, 40, 8, 128, 13824, 131072, false},
    {"qwen2.5-32b", &kQwen2, 152064, 5120, 64, 40, 8, 128, 27648, 131072, false},
    {"qwen2.5-72b", &kQwen2, 152064, 8192, 80, 64, 8, 128, 29568, 131072, false},
    {"mistral-7b", &kMistral, 32768, 4096, 32, 32, 8, 128, 14336, 32768, false},  // v0.3
    {"tinyllama-1.1b", &kFamilies[0], 32000, 2048, 22, 32, 4, 64, 5632, 2048, false},
    {"smollm2-135m", &kFamilies[0], 49152, 576, 30, 9, 3, 64, 1536, 8192, true},
    {"smollm2-360m", &kFamilies[0], 49152, 960, 32, 15, 5, 64, 2560, 8192, true},
    {"smollm2-1.7b", &kFamilies[0], 49152, 2048, 24, 32, 32, 64, 8192, 8192, true},
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
  const bool bias = row->family == &kQwen2;
  return {.family = row->family,
          .vocabulary = row->vocabulary,
          .width = row->width,
          .layers = row->layers,
          .heads = row->heads,
          .kv_heads = row->kv_heads,
          .head_dim = row->head_dim,
          .mlp_width = row->mlp_width,
          .max_positions = row->positions,
          .llama3 = {},
          .tied = row->tied,
          .attention_bias = bias,
          .output_bias = bias && row->family->output_bias,
          .bos = {},
          .eos = {}};
}

}  // namespace hone::trainer
