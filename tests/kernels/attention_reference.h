// Attention and its gradients by the plain formulas, in double; what the tests of attention share.
#pragma once
#include <cmath>

#include "kernels/attention/attention.h"
#include "tests/support/framed.h"

namespace hone::test {

struct AttentionCase {
  std::vector<int32_t> starts;
  kernels::AttentionShape shape;
};
inline void PrintTo(const AttentionCase& c, std::ostream* out) {
  *out << c.starts.back() << " tokens in " << c.starts.size() - 1 << " documents, heads " << c.shape.heads << '/'
       << c.shape.kv_heads << " x " << c.shape.head_dim << ", window " << c.shape.window << ", softcap "
       << c.shape.softcap << ", scale " << c.shape.scale;
}

struct AttentionExpected {
  Values o, lse, dq, dk, dv;
};
inline AttentionExpected attention_reference(const AttentionCase& c, const Values& q, const Values& k, const Values& v,
                                             const Values& dout) {
  const int64_t heads = c.shape.heads, kv_heads = c.shape.kv_heads, d = c.shape.head_dim;
  const int64_t tokens = c.starts.back(), group = heads / kv_heads, q_width = heads * d, kv_width = kv_heads * d;
  const double scale = c.shape.scale == 0 ? 1 / std::sqrt(double(d)) : c.shape.scale, cap = c.shape.softcap;
  AttentionExpected e{Values(q.size()), Values(tokens * heads), Values(q.size()), Values(k.size()), Values(v.size())};
  for (size_t doc = 0; doc + 1 < c.starts.size(); ++doc)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = c.starts[doc]; i < c.starts[doc + 1]; ++i) {
        const double* const qi = &q[i * q_width + h * d];
        const double* const gi = &dout[i * q_width + h * d];
        const auto row = [&](auto& x, int64_t j) { return &x[j * kv_width + h / group * d]; };
        int64_t first = c.starts[doc];
        if (c.shape.window > 0) first = std::max(first, i - c.shape.window + 1);
        const int64_t n = i - first + 1;
        Values p(n), dp(n), slope(n, 1.0);
        double sum = 0, best = -INFINITY, delta = 0;
        for (int64_t j = 0; j < n; ++j) {
          for (int64_t t = 0; t < d; ++t) {
            p[j] += scale * qi[t] * row(k, first + j)[t];
            dp[j] += gi[t] * row(v, first + j)[t];
          }
          if (cap > 0) {
            const double t = std::tanh(p[j] / cap);
            p[j] = cap * t, slope[j] = 1 - t * t;
          }
          best = std::max(best, p[j]);
        }
        for (double& s : p) sum += s = std::exp(s - best);
        e.lse[i * heads + h] = best + std::log(sum);
        for (int64_t j = 0; j < n; ++j) delta += (p[j] /= sum) * dp[j];
        for (int64_t j = 0; j < n; ++j)
          for (int64_t t = 0; t < d; ++t) {
            const double ds = scale * p[j] * (dp[j] - delta) * slope[j];
            e.o[i * q_width + h * d + t] += p[j] * row(v, first + j)[t];
            e.dq[i * q_width + h * d + t] += ds * row(k, first + j)[t];
            row(e.dk, first + j)[t] += ds * qi[t];
            row(e.dv, first + j)[t] += p[j] * gi[t];
          }
      }
  return e;
}

}  // namespace hone::test
