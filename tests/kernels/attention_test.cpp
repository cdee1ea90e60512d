// Attention and its gradients beside the plain formulas in double; documents; memory; one query over a cache.
#include "kernels/attention/attention.h"

#include <cmath>

#include "kernels/attention/attention_decode.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

using kernels::AttentionShape;

struct Case {
  std::vector<int32_t> starts;
  AttentionShape shape;
};
// On both sides of the tile of 64, of the span of four tiles and of their multiples; documents that begin inside a tile; empty ones; one head group
// of each kind; head_dim odd.
const std::vector<Case> kCases{{{0, 1}, {1, 1, 1}},
                               {{0, 63}, {2, 1, 8}},
                               {{0, 64}, {2, 2, 16}},
                               {{0, 65}, {4, 2, 7}},
                               {{0, 31, 31, 64, 129}, {4, 1, 32}},
                               {{0, 0, 192, 193, 350}, {6, 3, 24}},
                               {{0, 257, 600}, {2, 1, 16}},
                               {{0, 257, 600}, {4, 4, 16}},
                               {{0, 70, 385}, {8, 2, 40}}};

DocumentOffsets documents(std::vector<int32_t> starts) {
  return {std::make_shared<const std::vector<int32_t>>(std::move(starts))};
}

struct Expected {
  Values o, lse, dq, dk, dv;
};
Expected reference(const Case& c, const Values& q, const Values& k, const Values& v, const Values& dout) {
  const int64_t heads = c.shape.heads, kv_heads = c.shape.kv_heads, d = c.shape.head_dim;
  const int64_t tokens = c.starts.back(), group = heads / kv_heads, q_width = heads * d, kv_width = kv_heads * d;
  const double scale = 1 / std::sqrt(double(d));
  Expected e{Values(q.size()), Values(tokens * heads), Values(q.size()), Values(k.size()), Values(v.size())};
  for (size_t doc = 0; doc + 1 < c.starts.size(); ++doc)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = c.starts[doc]; i < c.starts[doc + 1]; ++i) {
        const double* const qi = &q[i * q_width + h * d];
        const double* const gi = &dout[i * q_width + h * d];
        const auto row = [&](auto& x, int64_t j) { return &x[j * kv_width + h / group * d]; };
        const int64_t first = c.starts[doc], n = i - first + 1;
        Values p(n), dp(n);
        double sum = 0, best = -INFINITY, delta = 0;
        for (int64_t j = 0; j < n; ++j) {
          for (int64_t t = 0; t < d; ++t) {
            p[j] += scale * qi[t] * row(k, first + j)[t];
            dp[j] += gi[t] * row(v, first + j)[t];
          }
          best = std::max(best, p[j]);
        }
        for (double& s : p) sum += s = std::exp(s - best);
        e.lse[i * heads + h] = best + std::log(sum);
        for (int64_t j = 0; j < n; ++j) delta += (p[j] /= sum) * dp[j];
        for (int64_t j = 0; j < n; ++j)
          for (int64_t t = 0; t < d; ++t) {
            e.o[i * q_width + h * d + t] += p[j] * row(v, first + j)[t];
            e.dq[i * q_width + h * d + t] += scale * p[j] * (dp[j] - delta) * row(k, first + j)[t];
            row(e.dk, first + j)[t] += scale * p[j] * (dp[j] - delta) * qi[t];
            row(e.dv, first + j)[t] += p[j] * gi[t];
          }
      }
  return e;
}

TEST(Attention, AndItsGradientsAreTheFormulas) {
  for (const Case& c : kCases)
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
      for (const int64_t pad : {0, 5}) {
        const int64_t heads = c.shape.heads, kv_heads = c.shape.kv_heads, d = c.shape.head_dim;
        const int64_t tokens = c.starts.back();
        SCOPED_TRACE(joined(tokens, " tokens, heads ", heads, '/', kv_heads, " x ", d, ", pad ", pad, ", ", dtype));
        const Shape wide{tokens, heads * d}, narrow{tokens, kv_heads * d};
        const Values q = rounded_to(dtype, random_values(wide.elements(), 1, -2, 2)),
                     k = rounded_to(dtype, random_values(narrow.elements(), 2, -2, 2)),
                     v = rounded_to(dtype, random_values(narrow.elements(), 3)),
                     dout = rounded_to(dtype, random_values(wide.elements(), 4));
        const Expected expected = reference(c, q, k, v, dout);
        const Values all = on_threads([&](Stream& stream) {
          Framed qt(stream, wide, dtype, pad, q), kt(stream, narrow, dtype, pad, k), vt(stream, narrow, dtype, pad, v),
              g(stream, wide, dtype, pad, dout);
          Framed o(stream, wide, dtype, pad), lse(stream, {tokens, heads}, wide_of(dtype));
          kernels::attention(stream, *o, *lse, *qt, *kt, *vt, documents(c.starts), c.shape);
          Framed dq(stream, wide, dtype, pad), dk(stream, narrow, dtype, pad), dv(stream, narrow, dtype, pad);
          kernels::attention_backward(stream, *dq, *dk, *dv, *g, *qt, *kt, *vt, *o, *lse, documents(c.starts), c.shape);
          EXPECT_LT(relative_error(o.values(), expected.o), tolerance_of(dtype));
          EXPECT_LT(relative_error(lse.values(), expected.lse), tolerance_of(dtype));
          EXPECT_LT(relative_error(dq.values(), expected.dq), tolerance_of(dtype));
          EXPECT_LT(relative_error(dk.values(), expected.dk), tolerance_of(dtype));
          EXPECT_LT(relative_error(dv.values(), expected.dv), tolerance_of(dtype));
          Values all;
          for (const Framed* t : {&o, &lse, &dq, &dk, &dv}) {
            EXPECT_TRUE(t->intact());
            const Values values = t->values();
            all.insert(all.end(), values.begin(), values.end());
          }
          return all;
        });
        EXPECT_FALSE(all.empty());
      }
}

TEST(Attention, LargeScoresDoNotOverflow) {
  Stream stream = Stream::cpu();
  const Tensor q = tensor_of(stream, {130, 4}, random_values(520, 1, -300, 300), DType::float32);
  Tensor o(stream, {130, 4}, DType::float32), lse(stream, {130, 1}, DType::float32);
  kernels::attention(stream, o, lse, q, q, q, documents({0, 130}), {1, 1, 4});
  for (const double value : values_of(o)) ASSERT_TRUE(std::isfinite(value));
  for (const double value : values_of(lse)) ASSERT_TRUE(std::isfinite(value));
}

// Each document alone gives what it gives in the pack.
TEST(Attention, PackedDocumentsEqualSeparateOnes) {
  Stream stream = Stream::cpu();
  const std::vector<int32_t> starts{0, 40, 40, 41, 169, 300};
  const AttentionShape shape{4, 2, 8};
  const Values q = random_values(300 * 32, 1), k = random_values(300 * 16, 2), v = random_values(300 * 16, 3),
               dout = random_values(300 * 32, 4);
  const auto run = [&](int64_t begin, int64_t end, const std::vector<int32_t>& at) {
    const auto part = [&](const Values& x, int64_t width) {
      return tensor_of(stream, {end - begin, width}, {x.begin() + begin * width, x.begin() + end * width},
                       DType::float64);
    };
    const Tensor qt = part(q, 32), kt = part(k, 16), vt = part(v, 16), g = part(dout, 32);
    Tensor o(stream, qt.shape(), DType::float64), lse(stream, {end - begin, 4}, DType::float64),
        dq(stream, qt.shape(), DType::float64), dk(stream, kt.shape(), DType::float64),
        dv(stream, kt.shape(), DType::float64);
    kernels::attention(stream, o, lse, qt, kt, vt, documents(at), shape);
    kernels::attention_backward(stream, dq, dk, dv, g, qt, kt, vt, o, lse, documents(at), shape);
    return std::array{values_of(o), values_of(dq), values_of(dk), values_of(dv)};
  };
  const auto packed = run(0, 300, starts);
  for (size_t d = 0; d + 1 < starts.size(); ++d) {
    if (starts[d] == starts[d + 1]) continue;
    const auto alone = run(starts[d], starts[d + 1], {0, starts[d + 1] - starts[d]});
    for (size_t t = 0; t < alone.size(); ++t) {
      const int64_t width = t < 2 ? 32 : 16;
      const Values part(packed[t].begin() + starts[d] * width, packed[t].begin() + starts[d + 1] * width);
      EXPECT_LT(relative_error(part, alone[t]), kFloat64) << "document " << d << ", output " << t;
    }
  }
}

// No T x T: what is made beside inputs and outputs is one number a query and head, and twice the tokens take twice
// that.
TEST(Attention, MemoryIsLinear) {
  for (const int64_t tokens : {512, 1024}) {
    Stream stream = Stream::cpu();
    const Shape wide{tokens, 32}, narrow{tokens, 16};
    const Tensor q = tensor_of(stream, wide, Values(tokens * 32, 0.5), DType::float32),
                 k = tensor_of(stream, narrow, Values(tokens * 16, 0.5), DType::float32);
    Tensor o(stream, wide, DType::float32), lse(stream, {tokens, 4}, DType::float32);
    Tensor dq(stream, wide, DType::float32), dk(stream, narrow, DType::float32), dv(stream, narrow, DType::float32);
    const size_t before = stream.allocator()->usage().live;
    stream.allocator()->reset_peak();
    kernels::attention(stream, o, lse, q, k, k, documents({0, int32_t(tokens)}), {4, 2, 8});
    EXPECT_EQ(stream.allocator()->usage().peak, before);
    kernels::attention_backward(stream, dq, dk, dv, q, q, k, k, o, lse, documents({0, int32_t(tokens)}), {4, 2, 8});
    EXPECT_EQ(stream.allocator()->usage().peak, before + size_t(tokens) * 4 * sizeof(float));
    // Two documents have heads enough for the way with five products, which keeps every head's dk and dv for a while.
    kernels::attention_backward(stream, dq, dk, dv, q, q, k, k, o, lse, documents({0, 200, int32_t(tokens)}), {4, 2, 8});
    EXPECT_EQ(stream.allocator()->usage().peak, before + size_t(tokens) * (4 + 2 * 32) * sizeof(float));
  }
}

TEST(Attention, NamesWhatIsWrong) {
  Stream stream = Stream::cpu();
  Tensor o(stream, {8, 32}, DType::float32), q(stream, {8, 32}, DType::float32), k(stream, {8, 16}, DType::float32),
      lse(stream, {8, 4}, DType::float32);
  const auto message = [&](const std::vector<int32_t>& starts, const AttentionShape& shape) -> std::string {
    try {
      kernels::attention(stream, o, lse, q, k, k, documents(starts), shape);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({0, 8}, {4, 2, 8}), "");
  EXPECT_EQ(message({0, 8}, {4, 3, 8}), "[attention] heads (4) must be a multiple of kv_heads (3)");
  EXPECT_EQ(message({0, 8}, {4, 4, 8}), "[attention] k must be (8, 32), got (8, 16)");
  for (const std::vector<int32_t>& starts : {std::vector<int32_t>{0, 7}, {1, 8}, {0, 9, 8}, {}})
    EXPECT_EQ(message(starts, {4, 2, 8}), "[attention] documents must rise from 0 to 8");
}

// The last row of full attention over what each sequence has in its cache.
TEST(AttentionDecode, IsTheLastRowOfAttention) {
  const AttentionShape shape{6, 2, 20};
  const std::vector<int32_t> lengths{1, 31, 63, 64, 65, 130};
  const int64_t capacity = 130, sequences = int64_t(lengths.size());
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
    for (const int64_t pad : {0, 3}) {
      SCOPED_TRACE(joined(dtype, ", pad ", pad));
      const Values q = rounded_to(dtype, random_values(sequences * 120, 1, -2, 2)),
                   k = rounded_to(dtype, random_values(sequences * capacity * 40, 2, -2, 2)),
                   v = rounded_to(dtype, random_values(sequences * capacity * 40, 3));
      Values expected;
      for (int64_t b = 0; b < sequences; ++b) {
        const int64_t n = lengths[b];
        const auto rows = [&](const Values& x) {
          return Values(x.begin() + b * capacity * 40, x.begin() + (b * capacity + n) * 40);
        };
        Values queries(n * 120);
        std::copy_n(q.begin() + b * 120, 120, queries.end() - 120);
        const Values o = reference({{0, int32_t(n)}, shape}, queries, rows(k), rows(v), queries).o;
        expected.insert(expected.end(), o.end() - 120, o.end());
      }
      on_threads([&](Stream& stream) {
        // What lies behind a sequence's keys is not read.
        Values k_dirty = k, v_dirty = v;
        for (int64_t b = 0; b < sequences; ++b)
          for (int64_t i = (b * capacity + lengths[b]) * 40; i < (b + 1) * capacity * 40; ++i)
            k_dirty[i] = v_dirty[i] = NAN;
        Framed qt(stream, {sequences, 120}, dtype, pad, q), kt(stream, {sequences * capacity, 40}, dtype, pad, k_dirty),
            vt(stream, {sequences * capacity, 40}, dtype, pad, v_dirty), o(stream, {sequences, 120}, dtype, pad);
        kernels::attention_decode(stream, *o, *qt, *kt, *vt, Tensor::from(stream, {sequences}, lengths), capacity,
                                  shape);
        EXPECT_LT(relative_error(o.values(), expected), tolerance_of(dtype));
        EXPECT_TRUE(o.intact());
        return o.values();
      });
    }
}

TEST(AttentionDecode, NamesWhatIsWrong) {
  Stream stream = Stream::cpu();
  Tensor o(stream, {2, 8}, DType::float32);
  const Tensor q(stream, {2, 8}, DType::float32), cache(stream, {10, 4}, DType::float32);
  const auto message = [&](std::vector<int32_t> lengths, int64_t capacity) -> std::string {
    try {
      kernels::attention_decode(stream, o, q, cache, cache, Tensor::from(stream, {2}, lengths), capacity, {2, 1, 4});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({1, 6}, 5), "[attention_decode] lengths[1] must be from 1 to 5, got 6");
  EXPECT_EQ(message({0, 5}, 5), "[attention_decode] lengths[0] must be from 1 to 5, got 0");
  EXPECT_EQ(message({1, 1}, 4), "[attention_decode] k_cache must be (8, 4), got (10, 4)");
}

}  // namespace
}  // namespace hone::test
