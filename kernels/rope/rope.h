// Rotary position embedding (Su et al. 2021), half-split as in transformers: of a head's first `rotary` channels, all
// of them or fewer, the pair (i, i + rotary / 2) turns by positions[t] * inv_freq[i]; the rest stay as they are.
//   Tensor turns(stream, {tokens, rotary}, x.dtype());
//   rope_table(stream, turns, positions, inv_freq);               // once a batch: every layer's q and k share it
//   rope(stream, q, q, turns, head_dim, Turn::forward);
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

// Overwrites turns (T, rotary): cosines in the first half of a row, sines in the second, of angles taken in double, and
// `factor` times as large (transformers' attention_factor). positions (T) int32; inv_freq (rotary / 2) float64.
void rope_table(Stream&, Tensor& turns, const Tensor& positions, const Tensor& inv_freq, double factor = 1);

enum class Turn { forward, back };  // the gradient of a rotation is the rotation back, with the same factor
// y = x turned; x, y (T, heads * head_dim), may be the same; turns (T, rotary) in what their type is computed in,
// rotary at most head_dim.
void rope(Stream&, Tensor& y, const Tensor& x, const Tensor& turns, int64_t head_dim, Turn);

}  // namespace hone::kernels
