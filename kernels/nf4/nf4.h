// 4-bit NormalFloat (Dettmers et al. 2023), byte for byte as bitsandbytes writes it: blocks of 64 consecutive elements
// scaled by their largest magnitude, each element the nearest of 16 levels.
#pragma once
#include <span>

#include "kernels/core/quantized.h"

namespace hone::kernels {

// Room for a weight of `shape`: codes and float32 scales, to be filled piece by piece.
QuantizedTensor nf4_empty(Stream&, const Shape& shape);
// Quantises values (n) float32 or bfloat16, the elements from `first_element` on, into `weight` (FloatScales).
// first_element is a multiple of 64; n too, unless the piece ends the weight. Overwrites codes and scales of that piece. An all-zero block
// gets code 0.
void nf4_quantize(Stream&, QuantizedTensor& weight, int64_t first_element, const Tensor& values);
// The same weight with its scales in 8 bits (double quantisation): offset is their mean, blocks of 256, the map is
// dynamic_map(). Waits for the device.
QuantizedTensor nf4_nest_scales(Stream&, const QuantizedTensor& weight);
// rows (n, m) float32, float64 or bfloat16: rows first_row … first_row + n - 1 of the weight, columns first_column …
// first_column + m - 1, level * absmax in float32.
void nf4_dequantize(Stream&, Tensor& rows, const QuantizedTensor& weight, int64_t first_row, int64_t first_column = 0);

// y = alpha * x weightᵀ + beta * y for a few rows of x, as when text is made a token at a time: the weight is read once, as
// codes, and is never written in another form. x (rows, in) bfloat16, y (rows, out) bfloat16 or float32; sums in float32
// of products with nf4_dequantize's bfloat16. Overwrites y where beta is 0. Same input, same bits.
inline constexpr int64_t kFewRows = 8;
// Whether it takes these: at most kFewRows rows of bfloat16, `in` a multiple of 32.
bool nf4_linear_takes(const Tensor& x, const QuantizedTensor& weight);
void nf4_linear(Stream&, Tensor& y, const Tensor& x, const QuantizedTensor& weight, double beta = 0, double alpha = 1);

// The 16 levels, ascending.
std::span<const float, 16> nf4_levels();

}  // namespace hone::kernels
