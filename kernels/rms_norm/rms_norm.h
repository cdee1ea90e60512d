// y = x / rms(x) * weight over the last dimension, rms(x) = sqrt(mean(x²) + eps)  (Zhang and Sennrich 2019).
// x, y (rows, width); weight (width) and inv_rms (rows), kept for the backward pass, in what
// the type of x is computed in.
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

void rms_norm(Stream&, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& weight, double eps);
// sum = x + delta, y = rms_norm(sum). The residual connection and the norm that follows it in one pass.
void residual_rms_norm(Stream&, Tensor& sum, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& delta,
                       const Tensor& weight, double eps);
// y again from a kept inv_rms: bit for bit the forward's.
void rms_norm_apply(Stream&, Tensor& y, const Tensor& x, const Tensor& inv_rms, const Tensor& weight);
// Overwrites dx with the gradient of x, plus `dx_add` where given (may be dx itself); adds to dweight. Either may be
// null. Sums over rows and columns have a fixed order on each device: the same input gives the same bits.
void rms_norm_backward(Stream&, Tensor* dx, Tensor* dweight, const Tensor& dy, const Tensor& x, const Tensor& inv_rms,
                       const Tensor& weight, const Tensor* dx_add = nullptr);

}  // namespace hone::kernels
