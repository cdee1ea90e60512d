#include "kernels/attention/attention_decode.h"

#include <cmath>
#include <vector>

#include "kernels/attention/tile_cpu.h"

namespace hone::kernels::cpu {

namespace {
constexpr int64_t kTile = kAttentionTile;
}

// Threads share the sequences and their key heads; the queries of one key head read its keys together.
void attention_decode(Stream& stream, Tensor& o, Tensor&, const Tensor& q, const Tensor& k_cache,
                      const Tensor& v_cache, const Tensor& lengths, int64_t capacity, const AttentionShape& shape) {
  const int32_t* const seen = lengths.data<int32_t>();
  for (int64_t b = 0; b < lengths.elements(); ++b)
    require(seen[b] >= 1 && seen[b] <= capacity, "[attention_decode] lengths[", b, "] must be from 1 to ", capacity,
            ", got ", seen[b]);
  visit_stored(q.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<T> out = o.as_rows<T>();
    const Rows<const T> queries = q.as_rows<T>(), keys = k_cache.as_rows<T>(), values = v_cache.as_rows<T>();
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const Sum scale = Sum(shape.score_scale()), softcap = Sum(shape.softcap);
    stream.parallel(lengths.elements() * shape.kv_heads, 1, [&](int64_t work, int64_t) {
      const int64_t b = work / shape.kv_heads, kv_head = work % shape.kv_heads;
      Sum scores[kTile];
      std::vector<Sum> sums(static_cast<size_t>(d));
      Sum* const sum = sums.data();
      for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        const T* const query = queries[b] + head * d;
        std::fill_n(sum, d, Sum(0));
        OnlineSoftmax<Sum> softmax;
        for (int64_t begin = std::max<int64_t>(seen[b] - shape.reach(), 0); begin < seen[b]; begin += kTile) {
          const int64_t n = std::min<int64_t>(kTile, seen[b] - begin);
          for (int64_t j = 0; j < n; ++j) {
            const T* const key = keys[b * capacity + begin + j] + kv_head * d;
            scores[j] = scale * sum_of<Sum>(d, [&](int64_t c) { return Sum(query[c]) * Sum(key[c]); });
          }
          soften(scores, n, softcap);
          const Sum shrink = softmax.take(scores, n);
          for (int64_t c = 0; c < d; ++c) sum[c] *= shrink;
          for (int64_t j = 0; j < n; ++j) {
            const T* const value = values[b * capacity + begin + j] + kv_head * d;
            for (int64_t c = 0; c < d; ++c) sum[c] += scores[j] * Sum(value[c]);
          }
        }
        for (int64_t c = 0; c < d; ++c) out[b][head * d + c] = T(sum[c] / softmax.sum);
      }
    });
  });
}

}  // namespace hone::kernels::cpu
