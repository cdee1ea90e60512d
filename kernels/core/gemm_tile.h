// One single-threaded product of row-major matrices in host memory: c = alpha * op(a) op(b) + beta * c, summed in
// float32 or wider and rounded once to c's type. Where oneDNN is built in and fast on this processor it does the work;
// else the BLAS that CMake chose, bfloat16 widened on the way. gemm_cpu.cpp shares tiles among threads.
#pragma once
#include <cstdint>

#include "kernels/core/dtype.h"

namespace hone::kernels::cpu {

template <class T, class C = T>
struct TileProduct {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  Wide<C> alpha, beta;
  const T* a;
  int64_t stride_a;
  const T* b;
  int64_t stride_b;
  C* c;
  int64_t stride_c;
};
void gemm_tile(const TileProduct<float>&);
void gemm_tile(const TileProduct<double>&);
void gemm_tile(const TileProduct<bfloat16>&);
void gemm_tile(const TileProduct<bfloat16, float>&);

// The BLAS: gemm_tile_blas.cpp or gemm_tile_eigen.cpp.
void blas_tile(const TileProduct<float>&);
void blas_tile(const TileProduct<double>&);

// oneDNN: gemm_tile_onednn.cpp, or gemm_tile_no_onednn.cpp, which declines. False: not done, because this processor has
// no instructions that would make it the faster one.
bool onednn_tile(const TileProduct<float>&);
bool onednn_tile(const TileProduct<bfloat16>&);
bool onednn_tile(const TileProduct<bfloat16, float>&);
bool onednn_has_bfloat16();  // does bfloat16 run faster than float32?

}  // namespace hone::kernels::cpu
