// Rotary position embedding (Su et al. 2021), half-split as in transformers: within a head, the pair (i, i + head_dim /
// 2) turns by positions[t] * inv_freq[i].
//   Tensor turns(stream, {tokens, head_dim}, x.dtype());
//   rope_table(stream, turns, positions, inv_freq);               // once a batch: every layer's q and k share it
//   rope(stream, q, q, turns, Turn::forward);
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

// Overwrites turns (T, head_dim): cosines in the first half of a row, sines in the second, of angles taken in double.
// positions (T) int32; inv_freq (head_dim / 2) float64.
void rope_table(Stream&, Tensor& turns, const Tensor& positions, const Tensor& inv_freq);

enum class Turn { forward, back };  // the gradient of a rotation is the rotation back
// y = x turned; x, y (T, heads * head_dim), may be the same; turns (T, head_dim) in what their type
// is computed in.
void rope(Stream&, Tensor& y, const Tensor& x, const Tensor& turns, Turn);

}  // namespace hone::kernels
