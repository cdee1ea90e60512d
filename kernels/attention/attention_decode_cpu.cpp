#include <Eigen/Core>
#include <cmath>

#include "kernels/attention/attention_decode.h"

namespace hone::kernels::cpu {

void attention_decode(Stream& stream, Tensor& o, const Tensor& q, const Tensor& k_cache, const Tensor& v_cache,
                      const Tensor& lengths, int64_t capacity, const AttentionShape& shape) {
  visit_float(q.dtype(), [&]<class T>() {
    using Vector = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;
    using ConstVector = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;
    const Rows<T> out = o.as_rows<T>();
    const Rows<const T> queries = q.as_rows<T>(), keys = k_cache.as_rows<T>(), values = v_cache.as_rows<T>();
    const int64_t d = shape.head_dim, group = shape.heads / shape.kv_heads;
    const T scale = T(1 / std::sqrt(double(d)));
    stream.parallel(out.count * shape.heads, 1, [&](int64_t work, int64_t) {
      const int64_t sequence = work / shape.heads, head = work % shape.heads, kv_at = head / group * d;
      const ConstVector query(queries[sequence] + head * d, d);
      Vector to(out[sequence] + head * d, d);
      const int64_t first = sequence * capacity, length = lengths.data<int32_t>()[sequence];
      T best = -INFINITY, sum = 0;
      to.setZero();
      for (int64_t j = first; j < first + length; ++j) {
        const T score = scale * (query * ConstVector(keys[j] + kv_at, d)).sum();
        if (score > best) {  // what was summed so far was relative to the old maximum
          const T shrink = std::exp(best - score);
          sum *= shrink, to *= shrink, best = score;
        }
        const T p = std::exp(score - best);
        sum += p;
        to += p * ConstVector(values[j] + kv_at, d);
      }
      to /= sum;
    });
  });
}

}  // namespace hone::kernels::cpu
