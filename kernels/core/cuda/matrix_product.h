// The one seam to cuBLASLt. Matrices as that library has them: by columns, `ld` elements from one to the next.
//   c (m, n) = alpha * op(a) (m, k) op(b) (k, n) + beta * c
#pragma once
#include <string>
#include <vector>

#include "kernels/core/tensor.h"

namespace hone::kernels::cuda {

struct MatrixProduct {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  DType input, output;  // float32, float64, or bfloat16 with either float32 or bfloat16 out
  const void *a, *b;
  void* c;
  int64_t ld_a, ld_b, ld_c;
  double alpha, beta;
  void* workspace;  // on the device
  size_t workspace_bytes;
};

// Sums in float32 (float64 of float64), never in a narrower type, float32 never through TF32; in an order that is
// always the same for the same shape on the same device. Error (ExitCode::gpu): the library is missing or refuses.
void matrix_product(Stream&, const MatrixProduct&);

// The algorithms that were chosen so far, a line a shape, for the record of a run: what gives the same bits again.
std::vector<std::string> matrix_algorithms();

// "13.1.0" of the library that is found at run time; empty where there is none, `problem` then says why.
std::string matrix_library(std::string* problem = nullptr);

}  // namespace hone::kernels::cuda
