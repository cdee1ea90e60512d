#include "kernels/attention/attention_decode.h"

#include <cmath>

#include "kernels/attention/tile_cpu.h"

namespace hone::kernels::cpu {

namespace {
constexpr int64_t kTile = kAttentionTile;
}

// Threads share the sequences and their key heads; the queries of one key head read its keys together.
void attention_decode(Stream& stream, Tensor& o, const Tensor& q, const Tensor& k_cache, const Tensor& v_cache,
                      const Tensor& lengths, int64_t capacity, const AttentionShape& shape) {
  const int32_t* const seen = lengths.data<int32_t>();
  for (int64_t b = 0; b < lengths.elements(); ++b)
    require(seen[b] >= 1 && seen[b] <= capacity, "[attention_decode] lengths[", b, "] must be from 1 to ", capacity,
            ", got ", seen[b]);
  visit_float(q.dtype(), [&]<class T>() {
    const Rows<T> out = o.as_rows<T>();
    const Rows<const T> queries = q.as_rows<T>(), keys = k_cache.as_rows<T>(), values = v_cache.as_rows<T>();
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const T scale = T(1 / std::sqrt(double(d)));
    stream.parallel(lengths.elements() * shape.kv_heads, 1, [&](int64_t work, int64_t) {
      const int64_t b = work / shape.kv_heads, kv_head = work % shape.kv_heads;
      T scores[kTile];
      for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        const T* const query = queries[b] + head * d;
        T* const sum = out[b] + head * d;
        std::fill_n(sum, d, T(0));
        OnlineSoftmax<T> softmax;
        for (int64_t begin = 0; begin < seen[b]; begin += kTile) {
          const int64_t n = std::min<int64_t>(kTile, seen[b] - begin);
          for (int64_t j = 0; j < n; ++j) {
            const T* const key = keys[b * capacity + begin + j] + kv_head * d;
            scores[j] = scale * sum_of<T>(d, [&](int64_t c) { return query[c] * key[c]; });
          }
          const T shrink = softmax.take(scores, n);
          for (int64_t c = 0; c < d; ++c) sum[c] *= shrink;
          for (int64_t j = 0; j < n; ++j) {
            const T* const value = values[b * capacity + begin + j] + kv_head * d;
            for (int64_t c = 0; c < d; ++c) sum[c] += scores[j] * value[c];
          }
        }
        for (int64_t c = 0; c < d; ++c) sum[c] /= softmax.sum;
      }
    });
  });
}

}  // namespace hone::kernels::cpu
