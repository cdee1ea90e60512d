#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/attention/scratch.h"
#include "kernels/attention/tile_cpu.h"

namespace hone::kernels::cpu {

namespace {
constexpr int64_t kTile = kAttentionTile;
// Columns of scores that exist at a time: few long products are faster than many short ones.
constexpr int64_t kSpan = 4 * kTile;

// The first tile that a query at `row` of a document from `first` on sees keys of.
int64_t first_tile(int64_t row, int64_t first, const AttentionShape& shape) {
  return first + std::max<int64_t>(row + 1 - shape.reach() - first, 0) / kTile * kTile;
}
// The end of the tiles whose queries see a key at `row` of a document [first, last).
int64_t end_of_tiles(int64_t row, int64_t first, int64_t last, const AttentionShape& shape) {
  return std::min(last, first + (row + shape.reach() - first + kTile - 1) / kTile * kTile);
}

struct Range {
  int64_t from, to;
};
// Which of the keys [0, count) a query at `row` sees.
Range seen_of(int64_t row, int64_t count, const AttentionShape& shape) {
  const int64_t to = std::clamp<int64_t>(row + 1, 0, count);
  return {std::clamp<int64_t>(row + 1 - shape.reach(), 0, to), to};
}
// Which of the queries [0, count) see a key at `row`.
Range seeing(int64_t row, int64_t count, const AttentionShape& shape) {
  const int64_t from = std::clamp<int64_t>(row, 0, count);
  return {from, std::clamp<int64_t>(row + shape.reach(), from, count)};
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
    const int64_t left = end - at,
                  columns = left >= kSpan       ? kSpan
                            : left >= 2 * kTile ? 2 * kTile
                                                : kTile,
                  count = std::min(left, columns);
    body(at, count, columns);
    at += count;
  }
}

// Weights as the next product takes them: in the type of the values, which for float32 and float64 they are.
// A row is narrowed while it is at hand.
template <class T>
struct Narrowed {
  alignas(64) T values[kTile * kSpan] = {};
  void row(int64_t r, const Wide<T>* from, int64_t columns) {
    for (int64_t i = 0; i < columns; ++i) values[r * columns + i] = T(from[i]);
  }
  const T* all(const Wide<T>*) const { return values; }
};
template <class T>
requires std::is_same_v<T, Wide<T>>
struct Narrowed<T> {
  void row(int64_t, const T*, int64_t) {}
  const T* all(const T* from) const { return from; }
};

template <class T>
void store_rows(const Head<T>& to, int64_t begin, int64_t count, int64_t head_dim, const Wide<T>* from) {
  for (int64_t r = 0; r < count; ++r)
    for (int64_t c = 0; c < head_dim; ++c) to[begin + r][c] = T(from[r * head_dim + c]);
}
}  // namespace

void attention(Stream& stream, Tensor& o, Tensor& log_sum_exp, LibraryAttention&, const Tensor& q, const Tensor& k,
               const Tensor& v, const DocumentOffsets& documents, const AttentionShape& shape) {
  visit_stored(q.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<Sum> lse = log_sum_exp.as_rows<Sum>();
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const Sum scale = Sum(shape.score_scale()), softcap = Sum(shape.softcap);
    const std::vector<AttentionTile> blocks = tiles_of_queries(*documents.host);
    stream.parallel(int64_t(blocks.size()) * shape.heads, 1, [&](int64_t work, int64_t) {
      const AttentionTile block = blocks[size_t(work / shape.heads)];
      const int64_t head = work % shape.heads, rows = block.end - block.begin;
      const Head<const T> qh{q.as_rows<T>(), head * d}, kh{k.as_rows<T>(), head / group * d},
          vh{v.as_rows<T>(), head / group * d};
      Operand<T> queries(d), keys(d), values(d);
      queries.take(qh, block.begin, rows);
      std::vector<Sum> sums(size_t(kTile * d));  // of values by their weights
      alignas(64) Sum scores[kTile * kSpan];
      Narrowed<T> weights;
      OnlineSoftmax<Sum> softmax[kTile];
      const int64_t start = first_tile(block.begin, block.first, shape);
      for_each_span(start, block.end, [&](int64_t at, int64_t count, int64_t columns) {
        keys.take(kh, at, count), values.take(vh, at, count);
        times_transposed(scores, columns, queries.data(), queries.stride(), keys.data(), keys.stride(), kTile, columns,
                         d, scale);
        for (int64_t r = 0; r < rows; ++r) {
          Sum* const row = scores + r * columns;
          const auto [from, to] = seen_of(block.begin + r - at, count, shape);
          soften(row + from, to - from, softcap);
          const Sum shrink = from < to ? softmax[r].take(row + from, to - from) : Sum(1);
          std::fill(row, row + from, Sum(0)), std::fill(row + to, row + columns, Sum(0));
          weights.row(r, row, columns);
          Sum* const sum = sums.data() + r * d;
          for (int64_t c = 0; c < d; ++c) sum[c] *= shrink;
        }
        times(sums.data(), d, weights.all(scores), columns, values.data(), values.stride(), kTile, d, columns, Sum(1),
              Sum(1));
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
// the weights, times the slope of softened scores. Row and column say which of log_sum_exp and delta belong to an
// element.
template <class T>
[[gnu::always_inline]] inline void softmax_and_gradient(T* p, T* ds, int64_t n, T scale, T softcap, auto&& log_sum,
                                                        auto&& delta) {
  if (softcap == 0) {
    for (int64_t c = 0; c < n; ++c) {
      p[c] = exp_of(p[c] - log_sum(c));
      ds[c] = scale * p[c] * (ds[c] - delta(c));
    }
    return;
  }
  for (int64_t c = 0; c < n; ++c) {
    const T t = std::tanh(p[c] / softcap);
    p[c] = exp_of(softcap * t - log_sum(c));
    ds[c] = scale * p[c] * (ds[c] - delta(c)) * (1 - t * t);
  }
}

template <class T>
struct Gradients {
  using Sum = Wide<T>;
  Stream& stream;
  Tensor &dq, &dk, &dv;
  AttentionScratch& scratch;
  const Tensor &dout, &q, &k, &v, &o, &log_sum_exp;
  const std::vector<int32_t>& starts;
  AttentionShape shape;

  const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
  const Sum scale = Sum(shape.score_scale()), softcap = Sum(shape.softcap);
  const Rows<const Sum> lse = log_sum_exp.as_rows<Sum>();
  const Rows<Sum> deltas = scratch.delta.as_rows<Sum>();

  Head<const T> of_head(const Tensor& x, int64_t head) const { return {x.as_rows<T>(), head * d}; }
  void make_deltas(int64_t begin, int64_t end, int64_t head) const {
    const Head<const T> g = of_head(dout, head), out = of_head(o, head);
    for (int64_t i = begin; i < end; ++i)
      deltas[i][head] = sum_of<Sum>(d, [a = g[i], b = out[i]](int64_t c) { return Sum(a[c]) * Sum(b[c]); });
  }

  // Two passes over blocks of rows, each owning what it writes: no atomics, a fixed order.
  void by_blocks() const {
    // By queries: delta and dq.
    const std::vector<AttentionTile> of_queries = tiles_of_queries(starts);
    stream.parallel(int64_t(of_queries.size()) * shape.heads, 1, [&](int64_t work, int64_t) {
      const AttentionTile block = of_queries[size_t(work / shape.heads)];
      const int64_t head = work % shape.heads, rows = block.end - block.begin;
      const Head<const T> kh = of_head(k, head / group), vh = of_head(v, head / group), g = of_head(dout, head);
      make_deltas(block.begin, block.end, head);
      Operand<T> queries(d), gradients(d), keys(d), values(d);
      queries.take(of_head(q, head), block.begin, rows), gradients.take(g, block.begin, rows);
      std::vector<Sum> sums(size_t(kTile * d));
      alignas(64) Sum p[kTile * kSpan], ds[kTile * kSpan];
      Narrowed<T> narrow;
      const int64_t start = first_tile(block.begin, block.first, shape);
      for_each_span(start, block.end, [&](int64_t at, int64_t count, int64_t columns) {
        keys.take(kh, at, count), values.take(vh, at, count);
        times_transposed(p, columns, queries.data(), queries.stride(), keys.data(), keys.stride(), kTile, columns, d,
                         scale);
        times_transposed(ds, columns, gradients.data(), gradients.stride(), values.data(), values.stride(), kTile,
                         columns, d, Sum(1));
        for (int64_t r = 0; r < rows; ++r) {
          const auto [from, to] = seen_of(block.begin + r - at, count, shape);
          Sum* const dr = ds + r * columns;
          softmax_and_gradient(
              p + r * columns + from, dr + from, to - from, scale, softcap,
              [log_sum = lse[block.begin + r][head]](int64_t) { return log_sum; },
              [of_row = deltas[block.begin + r][head]](int64_t) { return of_row; });
          std::fill(dr, dr + from, Sum(0)), std::fill(dr + to, dr + columns, Sum(0));
          narrow.row(r, dr, columns);
        }
        times(sums.data(), d, narrow.all(ds), columns, keys.data(), keys.stride(), kTile, d, columns, Sum(1), Sum(1));
      });
      store_rows<T>({dq.as_rows<T>(), head * d}, block.begin, rows, d, sums.data());
    });
    // By keys: dk and dv, over the heads that share them and the queries from their own on.
    const std::vector<AttentionTile> of_keys = tiles_of_keys(starts);
    stream.parallel(int64_t(of_keys.size()) * shape.kv_heads, 1, [&](int64_t work, int64_t) {
      const AttentionTile block = of_keys[size_t(work / shape.kv_heads)];
      const int64_t kv_head = work % shape.kv_heads, rows = block.end - block.begin;
      Operand<T> keys(d), values(d);
      keys.take(of_head(k, kv_head), block.begin, rows), values.take(of_head(v, kv_head), block.begin, rows);
      const auto span = std::make_unique<Span>(d);
      std::vector<Sum> key_sums(size_t(kTile * d)), value_sums(size_t(kTile * d));
      const int64_t stop = end_of_tiles(block.end - 1, block.first, block.last, shape);
      for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
        for_each_span(block.begin, stop, [&](int64_t at, int64_t count, int64_t columns) {
          key_span(*span, keys, values, head, block.begin, rows, at, count, columns, value_sums.data(),
                   key_sums.data());
        });
      store_rows<T>({dk.as_rows<T>(), kv_head * d}, block.begin, rows, d, key_sums.data());
      store_rows<T>({dv.as_rows<T>(), kv_head * d}, block.begin, rows, d, value_sums.data());
    });
  }

  // Room for a span of scores the other way round, a key a row, so that the products are of the same kind.
  struct Span {
    Operand<T> queries, gradients;
    alignas(64) Sum p[kTile * kSpan], ds[kTile * kSpan], log_sums[kSpan], of_columns[kSpan];
    Narrowed<T> narrow_p, narrow_ds;
    explicit Span(int64_t head_dim) : queries(head_dim), gradients(head_dim) {}
  };
  // Softmax and its gradient of the keys [begin, begin + rows) with the queries [at, at + count) of a head; adds to the
  // sums of values and keys. Leaves the gradient of the scores, as products take it.
  const T* key_span(Span& span, const Operand<T>& keys, const Operand<T>& values, int64_t head, int64_t begin,
                    int64_t rows, int64_t at, int64_t count, int64_t columns, Sum* value_sums, Sum* key_sums) const {
    Sum *const p = span.p, *const ds = span.ds;
    span.queries.take(of_head(q, head), at, count), span.gradients.take(of_head(dout, head), at, count);
    for (int64_t c = 0; c < columns; ++c) {  // what fills a tile up has weight 1 of a gradient that is 0
      span.log_sums[c] = c < count ? lse[at + c][head] : Sum(0);
      span.of_columns[c] = c < count ? deltas[at + c][head] : Sum(0);
    }
    times_transposed(p, columns, keys.data(), keys.stride(), span.queries.data(), span.queries.stride(), kTile, columns,
                     d, scale);
    times_transposed(ds, columns, values.data(), values.stride(), span.gradients.data(), span.gradients.stride(), kTile,
                     columns, d, Sum(1));
    for (int64_t r = 0; r < rows; ++r) {
      Sum *const pr = p + r * columns, *const dr = ds + r * columns;
      const auto [from, to] = seeing(begin + r - at, columns, shape);
      softmax_and_gradient(
          pr + from, dr + from, to - from, scale, softcap, [sums = span.log_sums + from](int64_t c) { return sums[c]; },
          [deltas = span.of_columns + from](int64_t c) { return deltas[c]; });
      for (Sum* const row : {pr, dr}) std::fill(row, row + from, Sum(0)), std::fill(row + to, row + columns, Sum(0));
      span.narrow_p.row(r, pr, columns), span.narrow_ds.row(r, dr, columns);
    }
    times(value_sums, d, span.narrow_p.all(p), columns, span.gradients.data(), span.gradients.stride(), kTile, d,
          columns, Sum(1), Sum(1));
    const T* const gradient = span.narrow_ds.all(ds);
    times(key_sums, d, gradient, columns, span.queries.data(), span.queries.stride(), kTile, d, columns, Sum(1),
          Sum(1));
    return gradient;
  }

  // One pass over the heads of documents. Each adds up its dq in order of the keys; heads that share keys add up their
  // dk and dv afterwards, in order.
  void by_heads() const requires std::is_same_v<T, Sum> {
    std::vector<size_t> order;  // documents, the longest first
    for (size_t i = 0; i + 1 < starts.size(); ++i)
      if (starts[i] < starts[i + 1]) order.push_back(i);
    std::ranges::stable_sort(order, std::ranges::greater(), [&](size_t i) { return starts[i + 1] - starts[i]; });
    stream.parallel(int64_t(order.size()) * shape.heads, 1, [&](int64_t work, int64_t) {
      const size_t document = order[size_t(work / shape.heads)];
      const int64_t head = work % shape.heads, first = starts[document], last = starts[document + 1];
      const Head<T> dqh{dq.as_rows<T>(), head * d};
      make_deltas(first, last, head);
      for (int64_t i = first; i < last; ++i) std::fill_n(dqh[i], d, T(0));
      Operand<T> keys(d), values(d);
      const auto span = std::make_unique<Span>(d);
      std::vector<Sum> key_sums, value_sums, rest(size_t(kTile * d));
      for (int64_t begin = first; begin < last; begin += kTile) {
        const int64_t rows = std::min(kTile, last - begin);
        keys.take(of_head(k, head / group), begin, rows), values.take(of_head(v, head / group), begin, rows);
        key_sums.assign(size_t(kTile * d), Sum(0)), value_sums.assign(size_t(kTile * d), Sum(0));
        const int64_t stop = end_of_tiles(begin + rows - 1, first, last, shape);
        for_each_span(begin, stop, [&](int64_t at, int64_t count, int64_t columns) {
          const T* const ds =
              key_span(*span, keys, values, head, begin, rows, at, count, columns, value_sums.data(), key_sums.data());
          if (count == columns) {
            transposed_times(dqh[at], dqh.stride(), ds, columns, keys.data(), keys.stride(), columns, d, kTile, Sum(1));
            return;
          }
          transposed_times(rest.data(), d, ds, columns, keys.data(), keys.stride(), columns, d, kTile, Sum(0));
          for (int64_t r = 0; r < count; ++r)
            for (int64_t c = 0; c < d; ++c) dqh[at + r][c] += rest[size_t(r * d + c)];
        });
        if (scratch.dk) {
          store_rows<T>({scratch.dk.as_rows<T>(), head * d}, begin, rows, d, key_sums.data());
          store_rows<T>({scratch.dv.as_rows<T>(), head * d}, begin, rows, d, value_sums.data());
        } else {
          store_rows<T>({dk.as_rows<T>(), head * d}, begin, rows, d, key_sums.data());
          store_rows<T>({dv.as_rows<T>(), head * d}, begin, rows, d, value_sums.data());
        }
      }
    });
    if (!scratch.dk) return;
    const Rows<T> dk_rows = dk.as_rows<T>(), dv_rows = dv.as_rows<T>();
    stream.parallel(dk_rows.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        for (const auto& [from, to] : {std::pair{&scratch.dk, dk_rows[t]}, std::pair{&scratch.dv, dv_rows[t]}}) {
          const T* const parts = from->template as_rows<T>()[t];
          for (int64_t kv_head = 0; kv_head < shape.kv_heads; ++kv_head)
            for (int64_t c = 0; c < d; ++c) {
              T sum = 0;
              for (int64_t i = 0; i < group; ++i) sum += parts[(kv_head * group + i) * d + c];
              to[kv_head * d + c] = sum;
            }
        }
    });
  }
};
}  // namespace

void attention_backward(Stream& stream, Tensor& dq, Tensor& dk, Tensor& dv, AttentionScratch& scratch,
                        const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o,
                        const Tensor& log_sum_exp, const DocumentOffsets& documents, const AttentionShape& shape) {
  visit_stored(q.dtype(), [&]<class T>() {
    const Gradients<T> work{stream, dq, dk, dv, scratch, dout, q, k, v, o, log_sum_exp, *documents.host, shape};
    if constexpr (std::is_same_v<T, Wide<T>>)
      if (scratch.by_heads) return work.by_heads();
    work.by_blocks();
  });
}

}  // namespace hone::kernels::cpu
