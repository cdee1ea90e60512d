#include "kernels/core/gemm_tile.h"

#include <algorithm>
#include <vector>

namespace hone::kernels::cpu {

namespace {
// Rows [row, row + rows) and columns [column, column + columns) of a matrix in bfloat16, widened and contiguous.
void widen(std::vector<float>& to, const bfloat16* from, int64_t stride, int64_t row, int64_t rows, int64_t column,
           int64_t columns) {
  to.resize(size_t(rows * columns));
  for (int64_t r = 0; r < rows; ++r) {
    const bfloat16* const in = from + (row + r) * stride + column;
    float* const out = to.data() + r * columns;
    for (int64_t i = 0; i < columns; ++i) out[i] = float(in[i]);
  }
}

// For processors without bfloat16 products: float32 products of widened pieces, the inner dimension piece by piece so
// that they stay small.
template <class C>
void widened_tile(const TileProduct<bfloat16, C>& p) {
  constexpr int64_t kPiece = 512;
  thread_local std::vector<float> a, b, c;
  c.resize(size_t(p.m * p.n));
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) c[size_t(i * p.n + j)] = p.beta == 0 ? 0 : float(p.c[i * p.stride_c + j]);
  for (int64_t k = 0; k < p.k || k == 0; k += kPiece) {
    const int64_t n = std::min(kPiece, p.k - k);
    if (p.transpose_a) {
      widen(a, p.a, p.stride_a, k, n, 0, p.m);
    } else {
      widen(a, p.a, p.stride_a, 0, p.m, k, n);
    }
    if (p.transpose_b) {
      widen(b, p.b, p.stride_b, 0, p.n, k, n);
    } else {
      widen(b, p.b, p.stride_b, k, n, 0, p.n);
    }
    blas_tile({p.m, p.n, n, p.transpose_a, p.transpose_b, p.alpha, k == 0 ? p.beta : 1, a.data(),
               p.transpose_a ? p.m : n, b.data(), p.transpose_b ? n : p.n, c.data(), p.n});
  }
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) p.c[i * p.stride_c + j] = C(c[size_t(i * p.n + j)]);
}
}  // namespace

void gemm_tile(const TileProduct<float>& p) {
  if (!vector_tile(p)) blas_tile(p);
}
void gemm_tile(const TileProduct<double>& p) { blas_tile(p); }
void gemm_tile(const TileProduct<bfloat16>& p) {
  if (!matrix_tile(p) && !vector_tile(p)) widened_tile(p);
}
void gemm_tile(const TileProduct<bfloat16, float>& p) {
  if (!matrix_tile(p) && !vector_tile(p)) widened_tile(p);
}

}  // namespace hone::kernels::cpu
