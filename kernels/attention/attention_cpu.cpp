#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/attention/tile_cpu.h"

namespace hone::kernels::cpu {

namespace {
constexpr int64_t kTile = kAttentionTile;
// Columns of scores that exist at a time: few long products are faster than many short ones.
constexpr int64_t kSpan = 4 * kTile;

struct Block {  // rows [begin, end) of one document [first, last); begin is first plus whole tiles
  int64_t begin, end, first, last;
};
// Latest first: they see most keys, and long work that starts last keeps one thread busy while the others wait.
std::vector<Block> blocks_of(const std::vector<int32_t>& starts) {
  std::vector<Block> blocks;
  for (size_t d = 0; d + 1 < starts.size(); ++d)
    for (int64_t b = starts[d]; b < starts[d + 1]; b += kTile)
      blocks.push_back({b, std::min<int64_t>(b + kTile, starts[d + 1]), starts[d], starts[d + 1]});
  std::ranges::stable_sort(blocks, std::ranges::greater(), [](const Block& b) { return b.begin - b.first; });
  return blocks;
}

// One head's columns of a matrix.
template <class T>
struct Head {
  Rows<T> rows;
  int64_t column;
  T* operator[](int64_t row) const { return rows[row] + column; }
  int64_t stride() const { return rows.stride; }
};

// Rows of a head as products take them: where they are whole tiles they are read where they lie; a rest is copied and
// filled up with zeros to a tile, so that products have few sizes.
template <class T>
class Operand {
 public:
  Operand(int64_t head_dim) : head_dim_(head_dim), copy_(size_t(kTile * head_dim)) {}
  // Rows [begin, begin + count); count is at most kTile or a multiple of it.
  void take(const Head<const T>& head, int64_t begin, int64_t count) {
    if (count % kTile == 0) {
      data_ = head[begin], stride_ = head.stride();
      return;
    }
    for (int64_t r = 0; r < count; ++r) std::copy_n(head[begin + r], head_dim_, copy_.data() + r * head_dim_);
    std::fill(copy_.begin() + count * head_dim_, copy_.end(), T());
    data_ = copy_.data(), stride_ = head_dim_;
  }
  const T* data() const { return data_; }
  int64_t stride() const { return stride_; }

 private:
  int64_t head_dim_;
  std::vector<T> copy_;
  const T* data_ = nullptr;
  int64_t stride_ = 0;
};

// body(at, count, columns) for [begin, end) in spans, whole tiles of them: count may be less than columns in the last.
template <class F>
void for_each_span(int64_t begin, int64_t end, F&& body) {
  for (int64_t at = begin; at < end;) {
    const int64_t left = end - at, columns = left >= kSpan ? kSpan : kTile, count = std::min(left, columns);
    body(at, count, columns);
    at += count;
  }
}

// Weights as the next product takes them: in the type of the values, which for float32 and float64 they are.
template <class T>
struct Narrowed {
  alignas(64) T values[kTile * kSpan];
  const T* of(const Wide<T>* from, int64_t count) {
    for (int64_t i = 0; i < count; ++i) values[i] = T(from[i]);
    return values;
  }
};
template <class T>
requires std::is_same_v<T, Wide<T>>
struct Narrowed<T> {
  const T* of(const T* from, int64_t) { return from; }
};

template <class T>
void store_rows(const Head<T>& to, int64_t begin, int64_t count, int64_t head_dim, const Wide<T>* from) {
  for (int64_t r = 0; r < count; ++r)
    for (int64_t c = 0; c < head_dim; ++c) to[begin + r][c] = T(from[r * head_dim + c]);
}
}  // namespace

void attention(Stream& stream, Tensor& o, Tensor& log_sum_exp, const Tensor& q, const Tensor& k, const Tensor& v,
               const DocumentOffsets& documents, const AttentionShape& shape) {
  visit_stored(q.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<Sum> lse = log_sum_exp.as_rows<Sum>();
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const Sum scale = Sum(1 / std::sqrt(double(d)));
    const std::vector<Block> blocks = blocks_of(*documents.host);
    stream.parallel(int64_t(blocks.size()) * shape.heads, 1, [&](int64_t work, int64_t) {
      const Block block = blocks[size_t(work / shape.heads)];
      const int64_t head = work % shape.heads, rows = block.end - block.begin;
      const Head<const T> qh{q.as_rows<T>(), head * d}, kh{k.as_rows<T>(), head / group * d},
          vh{v.as_rows<T>(), head / group * d};
      Operand<T> queries(d), keys(d), values(d);
      queries.take(qh, block.begin, rows);
      std::vector<Sum> sums(size_t(kTile * d));  // of values by their weights
      alignas(64) Sum scores[kTile * kSpan];
      Narrowed<T> weights;
      OnlineSoftmax<Sum> softmax[kTile];
      for_each_span(block.first, block.end, [&](int64_t at, int64_t count, int64_t columns) {
        keys.take(kh, at, count), values.take(vh, at, count);
        times_transposed(scores, columns, queries.data(), queries.stride(), keys.data(), keys.stride(), kTile, columns,
                         d, scale);
        for (int64_t r = 0; r < rows; ++r) {
          Sum* const row = scores + r * columns;
          const int64_t seen = std::clamp<int64_t>(block.begin + r + 1 - at, 0, count);
          const Sum shrink = softmax[r].take(row, seen);
          std::fill(row + seen, row + columns, Sum(0));
          Sum* const sum = sums.data() + r * d;
          for (int64_t c = 0; c < d; ++c) sum[c] *= shrink;
        }
        times(sums.data(), d, weights.of(scores, kTile * columns), columns, values.data(), values.stride(),
              kTile, d, columns, Sum(1), Sum(1));
      });
      for (int64_t r = 0; r < rows; ++r) {
        const Sum inverse = 1 / softmax[r].sum;
        for (int64_t c = 0; c < d; ++c) sums[size_t(r * d + c)] *= inverse;
        lse[block.begin + r][head] = softmax[r].best + std::log(softmax[r].sum);
      }
      store_rows<T>({o.as_rows<T>(), head * d}, block.begin, rows, d, sums.data());
    });
  });
}

namespace {
// p = exp(p - log_sum_exp), the softmax again from its scores; ds = scale * p * (ds - delta), its gradient from that of
// the weights. Row and column say which of log_sum_exp and delta belong to an element.
template <class T>
[[gnu::always_inline]] inline void softmax_and_gradient(T* p, T* ds, int64_t n, T scale, auto&& log_sum, auto&& delta) {
  for (int64_t c = 0; c < n; ++c) {
    p[c] = exp_of(p[c] - log_sum(c));
    ds[c] = scale * p[c] * (ds[c] - delta(c));
  }
}
}  // namespace

// Two passes, each owning what it writes: no atomics, a fixed order.
void attention_backward(Stream& stream, Tensor& dq, Tensor& dk, Tensor& dv, Tensor& delta, const Tensor& dout,
                        const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& log_sum_exp,
                        const DocumentOffsets& documents, const AttentionShape& shape) {
  visit_stored(q.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const Sum scale = Sum(1 / std::sqrt(double(d)));
    const std::vector<Block> blocks = blocks_of(*documents.host);
    const auto of_head = [&](const Tensor& x, int64_t head) { return Head<const T>{x.as_rows<T>(), head * d}; };
    const Rows<const Sum> lse = log_sum_exp.as_rows<Sum>();
    const Rows<Sum> deltas = delta.as_rows<Sum>();
    // By queries: delta and dq.
    stream.parallel(int64_t(blocks.size()) * shape.heads, 1, [&](int64_t work, int64_t) {
      const Block block = blocks[size_t(work / shape.heads)];
      const int64_t head = work % shape.heads, rows = block.end - block.begin;
      const Head<const T> kh = of_head(k, head / group), vh = of_head(v, head / group), g = of_head(dout, head),
                          oh = of_head(o, head);
      for (int64_t i = block.begin; i < block.end; ++i)
        deltas[i][head] = sum_of<Sum>(d, [a = g[i], b = oh[i]](int64_t c) { return Sum(a[c]) * Sum(b[c]); });
      Operand<T> queries(d), gradients(d), keys(d), values(d);
      queries.take(of_head(q, head), block.begin, rows), gradients.take(g, block.begin, rows);
      std::vector<Sum> sums(size_t(kTile * d));
      alignas(64) Sum p[kTile * kSpan], ds[kTile * kSpan];
      Narrowed<T> narrow;
      for_each_span(block.first, block.end, [&](int64_t at, int64_t count, int64_t columns) {
        keys.take(kh, at, count), values.take(vh, at, count);
        times_transposed(p, columns, queries.data(), queries.stride(), keys.data(), keys.stride(), kTile, columns, d,
                         scale);
        times_transposed(ds, columns, gradients.data(), gradients.stride(), values.data(), values.stride(), kTile,
                         columns, d, Sum(1));
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t seen = std::clamp<int64_t>(block.begin + r + 1 - at, 0, count);
          softmax_and_gradient(
              p + r * columns, ds + r * columns, seen, scale,
              [log_sum = lse[block.begin + r][head]](int64_t) { return log_sum; },
              [of_row = deltas[block.begin + r][head]](int64_t) { return of_row; });
          std::fill(ds + r * columns + seen, ds + (r + 1) * columns, Sum(0));
        }
        times(sums.data(), d, narrow.of(ds, kTile * columns), columns, keys.data(), keys.stride(), kTile, d, columns,
              Sum(1), Sum(1));
      });
      store_rows<T>({dq.as_rows<T>(), head * d}, block.begin, rows, d, sums.data());
    });
    // By keys: dk and dv, over the heads that share them and the queries from their own on. Scores lie the other way
    // round, a key a row, so that the products are of the same kind.
    stream.parallel(int64_t(blocks.size()) * shape.kv_heads, 1, [&](int64_t work, int64_t) {
      const Block block =
          blocks[blocks.size() - 1 - size_t(work / shape.kv_heads)];  // the earliest are seen by most
      const int64_t kv_head = work % shape.kv_heads, rows = block.end - block.begin;
      Operand<T> keys(d), values(d), queries(d), gradients(d);
      keys.take(of_head(k, kv_head), block.begin, rows), values.take(of_head(v, kv_head), block.begin, rows);
      std::vector<Sum> key_sums(size_t(kTile * d)), value_sums(size_t(kTile * d));
      alignas(64) Sum p[kTile * kSpan], ds[kTile * kSpan], log_sums[kSpan], of_columns[kSpan];
      Narrowed<T> narrow;
      for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        const Head<const T> qh = of_head(q, head), g = of_head(dout, head);
        for_each_span(block.begin, block.last, [&](int64_t at, int64_t count, int64_t columns) {
          queries.take(qh, at, count), gradients.take(g, at, count);
          for (int64_t c = 0; c < columns; ++c) {  // what fills a tile up has weight 1 of a gradient that is 0
            log_sums[c] = c < count ? lse[at + c][head] : Sum(0);
            of_columns[c] = c < count ? deltas[at + c][head] : Sum(0);
          }
          times_transposed(p, columns, keys.data(), keys.stride(), queries.data(), queries.stride(), kTile, columns, d,
                           scale);
          times_transposed(ds, columns, values.data(), values.stride(), gradients.data(), gradients.stride(), kTile,
                           columns, d, Sum(1));
          for (int64_t r = 0; r < rows; ++r) {
            Sum *const pr = p + r * columns, *const dr = ds + r * columns;
            const int64_t first = std::clamp<int64_t>(block.begin + r - at, 0, columns);  // queries before see nothing
            std::fill(pr, pr + first, Sum(0)), std::fill(dr, dr + first, Sum(0));
            softmax_and_gradient(
                pr + first, dr + first, columns - first, scale, [&](int64_t c) { return log_sums[first + c]; },
                [&](int64_t c) { return of_columns[first + c]; });
          }
          times(value_sums.data(), d, narrow.of(p, kTile * columns), columns, gradients.data(), gradients.stride(),
                kTile, d, columns, Sum(1), Sum(1));
          times(key_sums.data(), d, narrow.of(ds, kTile * columns), columns, queries.data(), queries.stride(), kTile,
                d, columns, Sum(1), Sum(1));
        });
      }
      store_rows<T>({dk.as_rows<T>(), kv_head * d}, block.begin, rows, d, key_sums.data());
      store_rows<T>({dv.as_rows<T>(), kv_head * d}, block.begin, rows, d, value_sums.data());
    });
  });
}

}  // namespace hone::kernels::cpu
