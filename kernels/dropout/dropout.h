// y[i] = x[i] / (1 - p) where kept, else 0. The mask is a function of key and element number, so the same call is also
// the backward pass (on dy) and the remake. p in [0, 1).
#pragma once
#include "kernels/core/random.h"
#include "kernels/core/tensor.h"

namespace hone::kernels {

void dropout(Stream&, Tensor& y, const Tensor& x, double p, const RandomKey& key);

}  // namespace hone::kernels
