// The one seam for matrix products.
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

enum class Transpose { no, yes };

// c = alpha * op(a) op(b) + beta * c; c (m, n), op(a) (m, k), op(b) (k, n); row strides allowed. a and b in
// one type, c in it too, or in float32 where they are bfloat16: sums are taken in float32 or wider and rounded once.
// Work is cut into tiles of c that do not depend on the number of threads, so the bits do not either.
void gemm(Stream&, Tensor& c, const Tensor& a, Transpose a_op, const Tensor& b, Transpose b_op, double alpha = 1,
          double beta = 0);

}  // namespace hone::kernels
