#include "kernels/core/gemm.h"
#include "kernels/core/gemm_tile.h"

namespace hone::kernels::cpu {

namespace {
// Large enough for the library to reach 90 to 99 % of its own speed on large products.
constexpr int64_t kTileRows = 256, kTileColumns = 512;
}  // namespace

void gemm(Stream& stream, Tensor& c, const Tensor& a, Transpose a_op, const Tensor& b, Transpose b_op, double alpha,
          double beta) {
  visit_float(c.dtype(), [&]<class T>() {
    const Rows<T> to = c.as_rows<T>();
    const Rows<const T> left = a.as_rows<T>(), right = b.as_rows<T>();
    const bool transpose_a = a_op == Transpose::yes, transpose_b = b_op == Transpose::yes;
    const int64_t k = transpose_a ? left.count : left.width;
    const int64_t tiles_m = (to.count + kTileRows - 1) / kTileRows,
                  tiles_n = (to.width + kTileColumns - 1) / kTileColumns;
    stream.parallel(tiles_m * tiles_n, 1, [&](int64_t tile, int64_t) {
      const int64_t i = tile / tiles_n * kTileRows, j = tile % tiles_n * kTileColumns;
      gemm_tile(TileProduct<T>{.m = std::min(kTileRows, to.count - i),
                               .n = std::min(kTileColumns, to.width - j),
                               .k = k,
                               .transpose_a = transpose_a,
                               .transpose_b = transpose_b,
                               .alpha = T(alpha),
                               .beta = T(beta),
                               .a = transpose_a ? left.data + i : left[i],
                               .stride_a = left.stride,
                               .b = transpose_b ? right[j] : right.data + j,
                               .stride_b = right.stride,
                               .c = to[i] + j,
                               .stride_c = to.stride});
    });
  });
}

}  // namespace hone::kernels::cpu
