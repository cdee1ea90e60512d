#include <cmath>

#include "kernels/attention/attention.h"

namespace hone::kernels::cpu {

namespace {
constexpr int32_t kTile = 32;

struct Block {  // rows [begin, end) of one document [first, last)
  int32_t begin, end, first, last;
};
std::vector<Block> blocks_of(const std::vector<int32_t>& starts) {
  std::vector<Block> blocks;
  for (size_t d = 0; d + 1 < starts.size(); ++d)
    for (int32_t b = starts[d]; b < starts[d + 1]; b += kTile)
      blocks.push_back({b, std::min(b + kTile, starts[d + 1]), starts[d], starts[d + 1]});
  return blocks;
}
template <class T>
T dot(const T* a, const T* b, int64_t n) {
  T sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}
template <class T>
void axpy(T* y, T a, const T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}
}  // namespace

void attention(Stream& stream, Tensor& o, Tensor& log_sum_exp, const Tensor& q, const Tensor& k, const Tensor& v,
               const DocumentOffsets& documents, const AttentionShape& shape) {
  visit_float(q.dtype(), [&]<class T>() {
    const Rows<T> out = o.as_rows<T>(), lse = log_sum_exp.as_rows<T>();
    const Rows<const T> qr = q.as_rows<T>(), kr = k.as_rows<T>(), vr = v.as_rows<T>();
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const T scale = T(1 / std::sqrt(double(d)));
    const std::vector<Block> blocks = blocks_of(*documents.host);
    stream.parallel(int64_t(blocks.size()) * shape.heads, 1, [&](int64_t work, int64_t) {
      const Block block = blocks[work / shape.heads];
      const int64_t head = work % shape.heads, at = head * d, kv_at = head / group * d;
      for (int32_t i = block.begin; i < block.end; ++i) {  // online softmax over tiles of keys
        T best = -INFINITY, sum = 0, scores[kTile];
        T* const oi = out[i] + at;
        std::fill_n(oi, d, T(0));
        for (int32_t tile = block.first; tile <= i; tile += kTile) {
          const int32_t end = std::min(tile + kTile, i + 1);
          T top = best;
          for (int32_t j = tile; j < end; ++j)
            top = std::max(top, scores[j - tile] = scale * dot(qr[i] + at, kr[j] + kv_at, d));
          const T shrink = std::exp(best - top);
          sum *= shrink, best = top;
          for (int64_t c = 0; c < d; ++c) oi[c] *= shrink;
          for (int32_t j = tile; j < end; ++j) {
            const T p = std::exp(scores[j - tile] - top);
            sum += p;
            axpy(oi, p, vr[j] + kv_at, d);
          }
        }
        for (int64_t c = 0; c < d; ++c) oi[c] /= sum;
        lse[i][head] = best + std::log(sum);
      }
    });
  });
}

// p = exp(s - lse); ds = p * (dout · v - delta). Two passes, each owning what it writes: no atomics, a fixed order.
void attention_backward(Stream& stream, Tensor& dq, Tensor& dk, Tensor& dv, Tensor& delta, const Tensor& dout,
                        const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& log_sum_exp,
                        const DocumentOffsets& documents, const AttentionShape& shape) {
  visit_float(q.dtype(), [&]<class T>() {
    const Rows<T> dqr = dq.as_rows<T>(), dkr = dk.as_rows<T>(), dvr = dv.as_rows<T>(), del = delta.as_rows<T>();
    const Rows<const T> g = dout.as_rows<T>(), qr = q.as_rows<T>(), kr = k.as_rows<T>(), vr = v.as_rows<T>(),
                        out = o.as_rows<T>(), lse = log_sum_exp.as_rows<T>();
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const T scale = T(1 / std::sqrt(double(d)));
    const std::vector<Block> blocks = blocks_of(*documents.host);
    stream.parallel(int64_t(blocks.size()) * shape.heads, 1, [&](int64_t work, int64_t) {
      const Block block = blocks[work / shape.heads];
      const int64_t head = work % shape.heads, at = head * d, kv_at = head / group * d;
      for (int32_t i = block.begin; i < block.end; ++i) {
        del[i][head] = dot(g[i] + at, out[i] + at, d);
        std::fill_n(dqr[i] + at, d, T(0));
        for (int32_t j = block.first; j <= i; ++j) {
          const T p = std::exp(scale * dot(qr[i] + at, kr[j] + kv_at, d) - lse[i][head]);
          axpy(dqr[i] + at, scale * p * (dot(g[i] + at, vr[j] + kv_at, d) - del[i][head]), kr[j] + kv_at, d);
        }
      }
    });
    stream.parallel(int64_t(blocks.size()) * shape.kv_heads, 1, [&](int64_t work, int64_t) {
      const Block block = blocks[work / shape.kv_heads];
      const int64_t kv_head = work % shape.kv_heads, kv_at = kv_head * d;
      for (int32_t j = block.begin; j < block.end; ++j) {
        std::fill_n(dkr[j] + kv_at, d, T(0));
        std::fill_n(dvr[j] + kv_at, d, T(0));
        for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
          for (int32_t i = j; i < block.last; ++i) {
            const T p = std::exp(scale * dot(qr[i] + head * d, kr[j] + kv_at, d) - lse[i][head]);
            axpy(dvr[j] + kv_at, p, g[i] + head * d, d);
            axpy(dkr[j] + kv_at, scale * p * (dot(g[i] + head * d, vr[j] + kv_at, d) - del[i][head]), qr[i] + head * d,
                 d);
          }
      }
    });
  });
}

}  // namespace hone::kernels::cpu
