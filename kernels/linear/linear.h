// y = x weightᵀ and its gradients.  x (T, in), weight (out, in), y (T, out); x and y in one type (float32, float64 or
// bfloat16), or y in float32 where x is bfloat16. The weight is a tensor of x's type, one of another (bfloat16 in a
// float32 model, a float32 adapter in a bfloat16 model), or quantised: what is not of x's type is converted a tile at a
// time, so a whole weight never exists twice; on CUDA few rows of x meet a quantised weight as it is (nf4_linear).
#pragma once
#include <variant>

#include "kernels/core/quantized.h"

namespace hone::kernels {

using LinearWeight = std::variant<Tensor, QuantizedTensor>;
int64_t linear_outputs(const LinearWeight&);
int64_t linear_inputs(const LinearWeight&);

// Elements of a weight of another type that exist converted at a time: whole rows or whole columns of it, at least 64.
// On a GPU most weights are one piece, because products are quick only when they are large.
inline constexpr int64_t kLinearTile = int64_t(1) << 21, kLinearTileOnCuda = int64_t(1) << 26;

// Rows [begin, end) of the weight in `dtype`: where they lie, or converted into the first rows of `scratch`, which is
// used only where they are not stored so. begin is a multiple of 64.
Tensor linear_rows(Stream&, const LinearWeight& weight, int64_t begin, int64_t end, DType dtype, Tensor& scratch);
bool linear_stored_as(const LinearWeight&, DType);

// y = alpha * x weightᵀ + beta * y. Overwrites y where beta is 0.
void linear(Stream&, Tensor& y, const Tensor& x, const LinearWeight& weight, double beta = 0, double alpha = 1);
// dx = alpha * dy weight + beta * dx.
void linear_input_gradient(Stream&, Tensor& dx, const Tensor& dy, const LinearWeight& weight, double beta = 0,
                           double alpha = 1);
// Adds alpha * dyᵀ x to dweight, which is in what the type of x is computed in.
void linear_weight_gradient(Stream&, Tensor& dweight, const Tensor& dy, const Tensor& x, double alpha = 1);

}  // namespace hone::kernels
