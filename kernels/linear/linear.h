// y = x weightᵀ and its gradients.  x (T, in), weight (out, in), y (T, out); x and y in one type (float32 or float64).
// The weight is a tensor of that type, a frozen bfloat16 tensor, or a frozen quantised one: what is not of x's type is
// widened kLinearTile rows at a time, so a whole weight never exists twice.
#pragma once
#include <variant>

#include "kernels/core/quantized.h"

namespace hone::kernels {

using LinearWeight = std::variant<Tensor, QuantizedTensor>;
int64_t linear_outputs(const LinearWeight&);
int64_t linear_inputs(const LinearWeight&);

inline constexpr int64_t kLinearTile = 512;  // rows of a stored weight that exist widened at a time

// y = alpha * x weightᵀ + beta * y. Overwrites y where beta is 0.
void linear(Stream&, Tensor& y, const Tensor& x, const LinearWeight& weight, double beta = 0, double alpha = 1);
// dx = alpha * dy weight + beta * dx.
void linear_input_gradient(Stream&, Tensor& dx, const Tensor& dy, const LinearWeight& weight, double beta = 0,
                           double alpha = 1);
// Adds alpha * dyᵀ x to dweight.
void linear_weight_gradient(Stream&, Tensor& dweight, const Tensor& dy, const Tensor& x, double alpha = 1);

}  // namespace hone::kernels
