// One single-threaded product of row-major matrices in host memory: c = alpha * op(a) op(b) + beta * c, summed in
// float32 or wider and rounded once to c's type. Where the processor has AVX-512, or AMX for bfloat16, our own loops do
// the work; else the BLAS that CMake chose, bfloat16 widened on the way. gemm_cpu.cpp shares tiles among threads.
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

// gemm_tile_avx512.cpp. False: not done, because this processor does not have the instructions.
bool vector_tile(const TileProduct<float>&);
bool vector_tile(const TileProduct<bfloat16>&);
bool vector_tile(const TileProduct<bfloat16, float>&);
bool vectors_have_bfloat16();  // does bfloat16 run faster than float32?
// gemm_tile_amx.cpp. False: not done, because this processor does not have the instructions or the system does not let
// programs use them.
bool matrix_tile(const TileProduct<bfloat16>&);
bool matrix_tile(const TileProduct<bfloat16, float>&);

}  // namespace hone::kernels::cpu
