// A model as data: its family's row and its sizes, read from a Hugging Face config.json (both the legacy keys and those
// of transformers 5).
//   const Config config = read_config(JsonView(directory.config(), "config.json"));
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/host/json.h"
#include "trainer/model/family.h"

namespace hone::trainer {

// Rotary frequencies stretched as Llama 3.1 does: long wavelengths by `factor`, short ones not at all, a ramp between.
struct Llama3Scaling {
  double factor, low_frequency_factor, high_frequency_factor, original_positions;
};

struct Config {
  const Family* family = &kFamilies[0];
  int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, mlp_width = 0;
  int64_t max_positions = 0;  // 0: config.json names none
  double eps = 1e-6, rope_theta = 10000;
  double linear_scaling = 1;  // frequencies are divided by it
  std::optional<Llama3Scaling> llama3;
  bool tied = false, attention_bias = false, mlp_bias = false;
  bool output_bias = false;  // of the attention's o; the family says whether attention_bias means it too
  std::optional<int32_t> bos;
  std::vector<int32_t> eos;  // any of them ends a text
};

// Checks every number before anything is allocated from it. Errors carry ExitCode::input and name the key.
Config read_config(const JsonView& config);

// head_dim / 2 angles a position, in double.
std::vector<double> inverse_frequencies(const Config&);

}  // namespace hone::trainer
