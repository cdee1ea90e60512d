// y = silu(gate) * up, silu(g) = g / (1 + exp(-g)); all (rows, width).
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

void swiglu(Stream&, Tensor& y, const Tensor& gate, const Tensor& up);
void swiglu_backward(Stream&, Tensor& dgate, Tensor& dup, const Tensor& dy, const Tensor& gate,
                     const Tensor& up);  // dup may be dy

}  // namespace hone::kernels
