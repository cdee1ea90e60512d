// Gated linear units (Shazeer 2020): y = act(gate) * up, all (rows, width).
//   swiglu(stream, y, gate_up.columns(0, n), gate_up.columns(n, 2 * n), Activation::silu);   // rows may have strides
// silu(g) = g / (1 + exp(-g)), and the tanh form of GELU (Hendrycks and Gimpel 2016),
//   g / 2 * (1 + tanh(√(2 / π) (g + 0.044715 g³))) = g / (1 + exp(-2 √(2 / π) (g + 0.044715 g³))).
// Both are g times a sigmoid: they differ in its argument (activation.h).
#pragma once
#include "kernels/core/tensor.h"
#include "kernels/swiglu/activation.h"

namespace hone::kernels {

void swiglu(Stream&, Tensor& y, const Tensor& gate, const Tensor& up, Activation = Activation::silu);
void swiglu_backward(Stream&, Tensor& dgate, Tensor& dup, const Tensor& dy, const Tensor& gate, const Tensor& up,
                     Activation = Activation::silu);  // dup may be dy

}  // namespace hone::kernels
