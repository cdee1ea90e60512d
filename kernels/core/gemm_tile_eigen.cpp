#include <Eigen/Core>

#include "kernels/core/gemm_tile.h"

namespace hone::kernels::cpu {

namespace {
template <class T>
void product(const TileProduct<T>& p) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Stride = Eigen::OuterStride<>;
  const Eigen::Map<const Matrix, 0, Stride> a(p.a, p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k,
                                              Stride(p.stride_a));
  const Eigen::Map<const Matrix, 0, Stride> b(p.b, p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n,
                                              Stride(p.stride_b));
  Eigen::Map<Matrix, 0, Stride> c(p.c, p.m, p.n, Stride(p.stride_c));
  if (p.beta == T(0)) {  // not a multiplication: c may hold anything, NaN included
    c.setZero();
  } else if (p.beta != T(1)) {
    c *= p.beta;
  }
  if (p.transpose_a && p.transpose_b) {
    c.noalias() += p.alpha * (a.transpose() * b.transpose());
  } else if (p.transpose_a) {
    c.noalias() += p.alpha * (a.transpose() * b);
  } else if (p.transpose_b) {
    c.noalias() += p.alpha * (a * b.transpose());
  } else {
    c.noalias() += p.alpha * (a * b);
  }
}
}  // namespace

void blas_tile(const TileProduct<float>& p) { product(p); }
void blas_tile(const TileProduct<double>& p) { product(p); }

}  // namespace hone::kernels::cpu
