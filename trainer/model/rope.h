// Rotary frequencies of a model, and how they are stretched beyond the lengths it was first trained with; read from
// config.json as transformers 5.23 does (modeling_rope_utils.py).
//   const Rope rope = read_rope(config, family.rope, head_dim, max_positions);
//   std::vector<double> frequencies = inverse_frequencies(rope, rope.decided_by(document, 0));
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/host/json.h"

namespace hone::trainer {

enum class RopeKind {
  standard,  // theta^(-2i / channels); rope_type "default"
  linear,    // divided by `factor`
  dynamic,   // a larger theta for texts longer than `positions` ("NTK")
  llama3,    // long wavelengths divided by `factor`, short ones not at all, a ramp between (Llama 3.1)
  yarn,      // the same with a ramp over the channels (Peng et al. 2023)
  longrope,  // each channel divided by its own factor, another one for long texts (Ding et al. 2024)
};

struct Rope {
  RopeKind kind = RopeKind::standard;
  double theta = 10000;
  int64_t channels = 0;         // of a head, that turn; the first ones. An odd number is one more, as in transformers
  double attention_factor = 1;  // of cosines and sines
  double factor = 1;
  double positions = 0;                                       // dynamic: max_position_embeddings
  double original = 0;                                        // llama3, yarn, longrope: the length before stretching
  double low = 1, high = 4;                                   // llama3: full turns within it, of the ramp's ends
  double beta_fast = 32, beta_slow = 1;                       // yarn: the same
  bool truncate = true;                                       // yarn: the ramp begins and ends at a whole channel
  std::vector<double> short_factors = {}, long_factors = {};  // longrope: one a frequency

  int64_t turning() const { return (channels + 1) / 2 * 2; }
  // What frequencies depend on of a text of `length` tokens: 0 where it is as any short one. longrope is decided by
  // `decisive` where that is not 0: training takes the longest a text may be, so that all of a run turns alike.
  int64_t decided_by(int64_t length, int64_t decisive) const;
};

// What families read differently.
struct RopeReading {
  double theta = 10000;           // where config.json has none
  bool partial = false;           // partial_rotary_factor is the model's
  bool longrope_only = false;     // Phi-3: default and longrope, which older files call su or yarn
  double original_positions = 0;  // original_max_position_embeddings where config.json has none; 0: max_positions
};
// The one rope of a model: from rope_scaling or rope_parameters, and rope_theta beside them. Errors
// (ExitCode::input) name the key.
Rope read_rope(const JsonView& config, const RopeReading&, int64_t head_dim, int64_t max_positions);
// Gemma 3's two: of layers that see everything, and of those with a window.
std::vector<Rope> read_nested_ropes(const JsonView& config, int64_t head_dim, int64_t max_positions);

// turning() / 2 angles a position, for what decided_by said.
std::vector<double> inverse_frequencies(const Rope&, int64_t decided_by = 0);

}  // namespace hone::trainer
