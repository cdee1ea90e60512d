#include "kernels/core/gemm.h"
#include "kernels/core/gemm_tile.h"

namespace hone::kernels::cpu {

namespace {
struct TileShape {
  int64_t rows, columns;
};
int64_t count_of(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

// Tall tiles, because each packs its columns of b for its own rows (gemm_pack_avx512.h), and not so wide that its
// sums leave the second-level cache, where the inner dimension is long enough for them to be put aside. With a short
// one the work is writing the result, and whole rows are written fastest. A result of few tiles is cut smaller, down to
// what is worth a thread. All by shape alone, so that the bits do not depend on threads.
TileShape tile_shape(int64_t m, int64_t n, int64_t k) {
  constexpr int64_t kEnough = 8, kLeast = 64, kWorth = int64_t(1) << 17;  // tiles; rows or columns; multiplications
  const bool is_short = k < 64;
  const bool is_long = k > 512;
  TileShape tile{std::min<int64_t>(m, 512), std::min<int64_t>(n, is_long ? 128 : 256)};
  if (is_short) tile = {std::min<int64_t>(m, 128), std::min<int64_t>(n, 2048)};
  while (count_of(m, tile.rows) * count_of(n, tile.columns) < kEnough && tile.rows * tile.columns * k >= 2 * kWorth) {
    const bool by_columns = !is_short && tile.columns >= 2 * kLeast && (is_long || tile.columns > tile.rows);
    int64_t& cut = by_columns ? tile.columns : tile.rows;
    if (cut < 2 * kLeast) break;
    cut = (cut / 2 + 15) / 16 * 16;
  }
  return tile;
}

template <class T, class C>
void product(Stream& stream, Tensor& c, const Tensor& a, Transpose a_op, const Tensor& b, Transpose b_op, double alpha,
             double beta) {
  const Rows<C> to = c.as_rows<C>();
  const Rows<const T> left = a.as_rows<T>(), right = b.as_rows<T>();
  const bool transpose_a = a_op == Transpose::yes, transpose_b = b_op == Transpose::yes;
  const int64_t k = transpose_a ? left.count : left.width;
  if (to.count == 0 || to.width == 0) return;
  const TileShape shape = tile_shape(to.count, to.width, k);
  const int64_t tiles_m = count_of(to.count, shape.rows), tiles_n = count_of(to.width, shape.columns);
  stream.parallel(tiles_m * tiles_n, 1, [&](int64_t tile, int64_t) {
    const int64_t i = tile / tiles_n * shape.rows, j = tile % tiles_n * shape.columns;
    gemm_tile(TileProduct<T, C>{.m = std::min(shape.rows, to.count - i),
                                .n = std::min(shape.columns, to.width - j),
                                .k = k,
                                .transpose_a = transpose_a,
                                .transpose_b = transpose_b,
                                .alpha = Wide<C>(alpha),
                                .beta = Wide<C>(beta),
                                .a = transpose_a ? left.data + i : left[i],
                                .stride_a = left.stride,
                                .b = transpose_b ? right[j] : right.data + j,
                                .stride_b = right.stride,
                                .c = to[i] + j,
                                .stride_c = to.stride});
  });
}
}  // namespace

void gemm(Stream& stream, Tensor& c, Tensor&, const Tensor& a, Transpose a_op, const Tensor& b, Transpose b_op,
          double alpha, double beta) {
  visit_stored(a.dtype(), [&]<class T>() {
    if (c.dtype() == a.dtype()) {
      product<T, T>(stream, c, a, a_op, b, b_op, alpha, beta);
    } else {
      product<T, Wide<T>>(stream, c, a, a_op, b, b_op, alpha, beta);
    }
  });
}

}  // namespace hone::kernels::cpu
