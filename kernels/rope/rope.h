// Rotary position embedding, half-split layout as in transformers: pairs (i, i + head_dim / 2) turn by positions[t] *
// inv_freq[i]. x, y (T, heads * head_dim), may be the same; positions (T) int32; inv_freq (head_dim / 2).
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

enum class Turn { forward, back };  // the gradient of a rotation is the rotation back
void rope(Stream&, Tensor& y, const Tensor& x, const Tensor& positions, const Tensor& inv_freq, Turn);

}  // namespace hone::kernels
