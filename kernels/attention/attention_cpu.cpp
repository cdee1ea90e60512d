#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/attention/tile_cpu.h"

namespace hone::kernels::cpu {

namespace {
constexpr int32_t kTile = kAttentionTile;

struct Block {  // rows [begin, end) of one document [first, last); begin is first plus whole tiles
  int32_t begin, end, first, last;
};
// Latest first: they see most keys, and long work that starts last keeps one thread busy while the others wait.
std::vector<Block> blocks_of(const std::vector<int32_t>& starts) {
  std::vector<Block> blocks;
  for (size_t d = 0; d + 1 < starts.size(); ++d)
    for (int32_t b = starts[d]; b < starts[d + 1]; b += kTile)
      blocks.push_back({b, std::min(b + kTile, starts[d + 1]), starts[d], starts[d + 1]});
  std::ranges::stable_sort(blocks, std::ranges::greater(), [](const Block& b) { return b.begin - b.first; });
  return blocks;
}

// One head's matrices, rows of head_dim elements.
template <class T>
struct Head {
  Rows<T> rows;
  int64_t column;
  T* operator[](int64_t row) const { return rows[row] + column; }
  int64_t stride() const { return rows.stride; }
};
}  // namespace

void attention(Stream& stream, Tensor& o, Tensor& log_sum_exp, const Tensor& q, const Tensor& k, const Tensor& v,
               const DocumentOffsets& documents, const AttentionShape& shape) {
  visit_float(q.dtype(), [&]<class T>() {
    const Rows<T> lse = log_sum_exp.as_rows<T>();
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const T scale = T(1 / std::sqrt(double(d)));
    const std::vector<Block> blocks = blocks_of(*documents.host);
    stream.parallel(int64_t(blocks.size()) * shape.heads, 1, [&](int64_t work, int64_t) {
      const Block block = blocks[work / shape.heads];
      const int64_t head = work % shape.heads, rows = block.end - block.begin;
      const Head<T> out{o.as_rows<T>(), head * d};
      const Head<const T> qh{q.as_rows<T>(), head * d}, kh{k.as_rows<T>(), head / group * d},
          vh{v.as_rows<T>(), head / group * d};
      T scores[kTile * kTile];
      OnlineSoftmax<T> softmax[kTile];
      for (int32_t tile = block.first; tile <= block.begin; tile += kTile) {
        const bool diagonal = tile == block.begin;
        const int64_t columns = diagonal ? rows : kTile;
        times_transposed(scores, kTile, qh[block.begin], qh.stride(), kh[tile], kh.stride(), rows, columns, d, scale);
        for (int64_t r = 0; r < rows; ++r) {
          T *const row = scores + r * kTile, *const oi = out[block.begin + r];
          const int64_t seen = diagonal ? r + 1 : columns;
          const T shrink = softmax[r].take(row, seen);
          std::fill(row + seen, row + columns, T(0));
          if (tile > block.first)
            for (int64_t c = 0; c < d; ++c) oi[c] *= shrink;
        }
        times(out[block.begin], out.stride(), scores, int64_t(kTile), vh[tile], vh.stride(), rows, d, columns, T(1),
              tile > block.first ? T(1) : T(0));
      }
      for (int64_t r = 0; r < rows; ++r) {
        T* const oi = out[block.begin + r];
        const T inverse = 1 / softmax[r].sum;
        for (int64_t c = 0; c < d; ++c) oi[c] *= inverse;
        lse[block.begin + r][head] = softmax[r].best + std::log(softmax[r].sum);
      }
    });
  });
}

namespace {
// A tile of the softmax and of its gradient, made again from what the forward pass kept: p = exp(s - log_sum_exp),
// ds = scale * p * (dout vᵀ - delta). Queries [i, i + rows), keys [j, j + columns), zero where the key comes later.
template <class T>
struct Tile {
  T p[kTile * kTile], ds[kTile * kTile];

  void make(const Head<const T>& q, const Head<const T>& k, const Head<const T>& v, const Head<const T>& g,
            const Head<const T>& lse, const Head<const T>& delta, int32_t i, int64_t rows, int32_t j, int64_t columns,
            int64_t d, T scale) {
    times_transposed(p, kTile, q[i], q.stride(), k[j], k.stride(), rows, columns, d, scale);
    times_transposed(ds, kTile, g[i], g.stride(), v[j], v.stride(), rows, columns, d);
    for (int64_t r = 0; r < rows; ++r) {
      T *const pr = p + r * kTile, *const dr = ds + r * kTile;
      const T log_sum = *lse[i + r], d_sum = *delta[i + r];
      const int64_t seen = i == j ? r + 1 : columns;
      for (int64_t c = 0; c < seen; ++c) {
        pr[c] = exp_of(pr[c] - log_sum);
        dr[c] = scale * pr[c] * (dr[c] - d_sum);
      }
      std::fill(pr + seen, pr + columns, T(0));
      std::fill(dr + seen, dr + columns, T(0));
    }
  }
};
}  // namespace

// Two passes, each owning what it writes: no atomics, a fixed order.
void attention_backward(Stream& stream, Tensor& dq, Tensor& dk, Tensor& dv, Tensor& delta, const Tensor& dout,
                        const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& log_sum_exp,
                        const DocumentOffsets& documents, const AttentionShape& shape) {
  visit_float(q.dtype(), [&]<class T>() {
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const T scale = T(1 / std::sqrt(double(d)));
    const std::vector<Block> blocks = blocks_of(*documents.host);
    const auto of_head = [&](const Tensor& x, int64_t head) { return Head<const T>{x.as_rows<T>(), head * d}; };
    const Rows<const T> lse = log_sum_exp.as_rows<T>();
    const Rows<T> delta_rows = delta.as_rows<T>();
    const auto delta_of = [&](int64_t head) { return Head<const T>{std::as_const(delta).as_rows<T>(), head}; };
    // By queries: delta and dq.
    stream.parallel(int64_t(blocks.size()) * shape.heads, 1, [&](int64_t work, int64_t) {
      const Block block = blocks[work / shape.heads];
      const int64_t head = work % shape.heads, rows = block.end - block.begin;
      const Head<const T> qh = of_head(q, head), kh = of_head(k, head / group), vh = of_head(v, head / group),
                          g = of_head(dout, head), oh = of_head(o, head);
      const Head<T> dqh{dq.as_rows<T>(), head * d};
      for (int32_t i = block.begin; i < block.end; ++i)
        delta_rows[i][head] = sum_of<T>(d, [a = g[i], b = oh[i]](int64_t c) { return a[c] * b[c]; });
      Tile<T> tile;
      for (int32_t j = block.first; j <= block.begin; j += kTile) {
        const int64_t columns = j == block.begin ? rows : kTile;
        tile.make(qh, kh, vh, g, {lse, head}, delta_of(head), block.begin, rows, j, columns, d, scale);
        times(dqh[block.begin], dqh.stride(), tile.ds, int64_t(kTile), kh[j], kh.stride(), rows, d, columns, T(1),
              j > block.first ? T(1) : T(0));
      }
    });
    // By keys: dk and dv, over the heads that share them and the queries from their own on.
    stream.parallel(int64_t(blocks.size()) * shape.kv_heads, 1, [&](int64_t work, int64_t) {
      const Block block = blocks[blocks.size() - 1 - work / shape.kv_heads];  // the earliest are seen by most
      const int64_t kv_head = work % shape.kv_heads, columns = block.end - block.begin;
      const Head<const T> kh = of_head(k, kv_head), vh = of_head(v, kv_head);
      const Head<T> dkh{dk.as_rows<T>(), kv_head * d}, dvh{dv.as_rows<T>(), kv_head * d};
      Tile<T> tile;
      T beta = 0;
      for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        const Head<const T> qh = of_head(q, head), g = of_head(dout, head);
        for (int32_t i = block.begin; i < block.last; i += kTile) {
          const int64_t rows = std::min(i + kTile, block.last) - i;
          tile.make(qh, kh, vh, g, {lse, head}, delta_of(head), i, rows, block.begin, columns, d, scale);
          transposed_times(dvh[block.begin], dvh.stride(), tile.p, int64_t(kTile), g[i], g.stride(), columns, d, rows,
                           T(1), beta);
          transposed_times(dkh[block.begin], dkh.stride(), tile.ds, int64_t(kTile), qh[i], qh.stride(), columns, d,
                           rows, T(1), beta);
          beta = 1;
        }
      }
    });
  });
}

}  // namespace hone::kernels::cpu
