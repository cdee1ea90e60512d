#include <cblas.h>

#include "kernels/core/gemm_tile.h"

namespace hone::kernels::cpu {

namespace {
// OpenBLAS stays on one thread for good: with its own threads, more than half of random shapes give other bits for
// another number of threads (version 0.3.21; round shapes hide it), and its threads spin on after a call.
void keep_single_threaded() { [[maybe_unused]] static const bool once = (openblas_set_num_threads(1), true); }
CBLAS_TRANSPOSE as_cblas(bool transpose) { return transpose ? CblasTrans : CblasNoTrans; }
}  // namespace

void blas_tile(const TileProduct<float>& p) {
  keep_single_threaded();
  cblas_sgemm(CblasRowMajor, as_cblas(p.transpose_a), as_cblas(p.transpose_b), int(p.m), int(p.n), int(p.k), p.alpha,
              p.a, int(p.stride_a), p.b, int(p.stride_b), p.beta, p.c, int(p.stride_c));
}
void blas_tile(const TileProduct<double>& p) {
  keep_single_threaded();
  cblas_dgemm(CblasRowMajor, as_cblas(p.transpose_a), as_cblas(p.transpose_b), int(p.m), int(p.n), int(p.k), p.alpha,
              p.a, int(p.stride_a), p.b, int(p.stride_b), p.beta, p.c, int(p.stride_c));
}

}  // namespace hone::kernels::cpu
