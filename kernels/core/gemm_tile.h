// One single-threaded product of row-major matrices in host memory: c = alpha * op(a) op(b) + beta * c. The BLAS that
// does it is chosen by CMake (gemm_tile_blas.cpp, gemm_tile_eigen.cpp); gemm_cpu.cpp shares tiles among threads.
#pragma once
#include <cstdint>

namespace hone::kernels::cpu {

template <class T>
struct TileProduct {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  T alpha, beta;
  const T* a;
  int64_t stride_a;
  const T* b;
  int64_t stride_b;
  T* c;
  int64_t stride_c;
};
void gemm_tile(const TileProduct<float>&);
void gemm_tile(const TileProduct<double>&);

}  // namespace hone::kernels::cpu
