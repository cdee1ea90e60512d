// The fused loss and its gradients beside softmax in double, on each device; chunks; memory.
#include "kernels/linear_cross_entropy/linear_cross_entropy.h"

#include <cmath>

#include "kernels/elementwise/elementwise.h"
#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class LinearCrossEntropy : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, LinearCrossEntropy, each_device(), device_name);

struct Case {
  int64_t tokens, width, vocabulary;
  std::vector<int32_t> rows;
};
std::vector<int32_t> every(int64_t tokens, int64_t step) {
  std::vector<int32_t> rows;
  for (int64_t t = 0; t < tokens; t += step) rows.push_back(int32_t(t));
  return rows;
}
// The last three: on both sides of a block of the vocabulary, the CPU's and then a GPU's.
const std::vector<Case> kCases{{1, 1, 1, {0}},
                               {7, 5, 31, {6, 0, 3}},
                               {33, 16, 32, every(33, 1)},
                               {33, 8, 33, every(33, 2)},
                               {20, 3, 4099, every(20, 3)},
                               {3, 8, 8193, every(3, 1)},
                               {6, 2, 9000, every(6, 1)}};

Targets targets(Stream& stream, const Case& c) {
  const int64_t count = int64_t(c.rows.size());
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(int32_t((i * 7 + c.vocabulary - 1) % c.vocabulary));
  return {Tensor::from(stream, {count}, c.rows), Tensor::from(stream, {count}, labels), count};
}

// softcap 0: none.
void check_formulas(Stream& stream_of_test, bool on_cuda, double softcap) {
  for (const Case& c : kCases)
    for (const auto& [dtype, stored] : {std::pair{DType::float32, DType::float32},
                                        {DType::float64, DType::float64},
                                        {DType::bfloat16, DType::bfloat16},
                                        {DType::float32, DType::bfloat16}})
      for (const int64_t chunk : on_cuda ? std::vector<int64_t>{3, 0} : std::vector<int64_t>{1, 3, 32, 0}) {
        SCOPED_TRACE(joined(c.tokens, " x ", c.width, ", vocabulary ", c.vocabulary, ", ", dtype, ", weight in ",
                            stored, ", chunk ", chunk));
        const Values h = rounded_to(dtype, random_values(c.tokens * c.width, 1, -3, 3));
        Values vectors = random_values(c.vocabulary * c.width, 2);
        for (int64_t i = 8192 * c.width; i < int64_t(vectors.size()); ++i)
          vectors[i] *= 2;  // many a largest logit comes late
        const Values w = rounded_to(stored, vectors);
        const int64_t count = int64_t(c.rows.size()), pad = chunk == 3 ? 3 : 8;  // 3: rows that are not aligned
        Values losses(count), lse(count), dh(h.size()), dw(w.size(), 1.0);
        const double seed = 0.25;
        Stream host = Stream::cpu();
        const std::vector<int32_t> labels = targets(host, c).labels.to_host<int32_t>();
        for (int64_t i = 0; i < count; ++i) {
          const double* const hi = &h[c.rows[i] * c.width];
          Values z(c.vocabulary);
          double best = -INFINITY, sum = 0;
          for (int64_t t = 0; t < c.vocabulary; ++t) {
            for (int64_t p = 0; p < c.width; ++p) z[t] += hi[p] * w[t * c.width + p];
            if (softcap > 0) z[t] = softcap * std::tanh(z[t] / softcap);
            best = std::max(best, z[t]);
          }
          for (const double v : z) sum += std::exp(v - best);
          lse[i] = best + std::log(sum), losses[i] = lse[i] - z[labels[i]];
          for (int64_t t = 0; t < c.vocabulary; ++t) {
            const double slope = softcap > 0 ? 1 - z[t] * z[t] / (softcap * softcap) : 1;
            const double dz = seed * (std::exp(z[t] - lse[i]) - (t == labels[i])) * slope;
            for (int64_t p = 0; p < c.width; ++p) {
              dh[c.rows[i] * c.width + p] += dz * w[t * c.width + p];
              dw[t * c.width + p] += dz * hi[p];
            }
          }
        }
        on_device(stream_of_test, [&, dtype = dtype, stored = stored](Stream& stream) {
          const Targets asked = targets(stream, c);
          const Tensor weight = tensor_of(stream, {c.vocabulary, c.width}, w, stored),
                       dloss = tensor_of(stream, {1}, {seed}, wide_of(dtype));
          Framed hidden(stream, {c.tokens, c.width}, dtype, pad, h), loss(stream, {count}, wide_of(dtype)),
              sums(stream, {count}, wide_of(dtype));
          Framed unit(stream, {c.tokens, c.width}, dtype, pad), back(stream, {c.tokens, c.width}, dtype, pad),
              dweight(stream, {c.vocabulary, c.width}, wide_of(dtype), 0, Values(w.size(), 1.0));
          kernels::linear_cross_entropy(stream, *loss, *sums, &*unit, *hidden, weight, asked, chunk, softcap);
          kernels::linear_cross_entropy_backward(stream, &*back, &*dweight, dloss, *hidden, weight, *sums, asked, chunk,
                                                 softcap);
          // Near 0 a loss is the difference of two larger numbers: its error is one of theirs.
          Values loss_error = loss.values(), at = lse;
          for (int64_t i = 0; i < count; ++i) loss_error[i] += at[i] - losses[i];
          EXPECT_LT(relative_error(loss_error, at), tolerance_of(dtype));
          EXPECT_LT(relative_error(sums.values(), lse), tolerance_of(dtype));
          Values scaled = unit.values();
          for (double& v : scaled) v *= seed;
          EXPECT_LT(relative_error(scaled, dh), 2 * tolerance_of(dtype)) << "with the forward pass";
          EXPECT_LT(relative_error(back.values(), dh), 2 * tolerance_of(dtype)) << "on the way back";
          EXPECT_LT(relative_error(dweight.values(), dw), 2 * tolerance_of(dtype)) << "added to";
          Values all;
          for (const Framed* t : {&loss, &sums, &unit, &back, &dweight}) {
            EXPECT_TRUE(t->intact());
            const Values v = t->values();
            all.insert(all.end(), v.begin(), v.end());
          }
          return all;
        });
      }
}

TEST_P(LinearCrossEntropy, AndItsGradientsAreTheFormulas) { check_formulas(stream(), on_cuda(), 0); }
TEST_P(LinearCrossEntropy, WithASoftCapAndItsGradientsAreTheFormulas) { check_formulas(stream(), on_cuda(), 1.5); }

TEST_P(LinearCrossEntropy, NoTargetsGiveZeros) {
  Stream& stream = this->stream();
  const Tensor h = tensor_of(stream, {4, 3}, random_values(12, 1), DType::float32),
               w = tensor_of(stream, {5, 3}, random_values(15, 2), DType::float32);
  const Targets none{Tensor(stream, {0}, DType::int32), Tensor(stream, {0}, DType::int32), 0};
  Tensor losses(stream, {0}, DType::float32), lse(stream, {0}, DType::float32), total(stream, {1}, DType::float32);
  Framed dh(stream, {4, 3}, DType::float32);
  kernels::linear_cross_entropy(stream, losses, lse, &*dh, h, w, none, 8);
  kernels::sum_in_order(stream, total, losses);
  EXPECT_EQ(dh.values(), Values(12));
  EXPECT_EQ(values_of(total), Values{0});
}

// What is not a number is not hidden by the running softmax, nor handed to other positions.
TEST_P(LinearCrossEntropy, WhatIsNotANumberShows) {
  Stream& stream = this->stream();
  Values h(4 * 8, 0.5);
  h[8] = NAN, h[16] = INFINITY;
  const Case c{4, 8, 40, every(4, 1)};
  const Tensor hidden = tensor_of(stream, {4, 8}, h, DType::float32),
               w = tensor_of(stream, {40, 8}, random_values(40 * 8, 2), DType::float32);
  Framed losses(stream, {4}, DType::float32), lse(stream, {4}, DType::float32), dh(stream, {4, 8}, DType::float32);
  kernels::linear_cross_entropy(stream, *losses, *lse, &*dh, hidden, w, targets(stream, c), 0);
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(std::isfinite(losses.values()[i]), i == 0 || i == 3) << i;
    EXPECT_EQ(std::isfinite(dh.values()[8 * i]), i == 0 || i == 3) << i;
  }
}

// Never T x V: what is made is a chunk of rows by a block of the vocabulary, whatever both are in all. Planned bytes
// are the measured ones.
TEST_P(LinearCrossEntropy, MemoryIsAChunkByABlock) {
  const auto peak = [](Stream& stream, int64_t tokens, int64_t vocabulary, DType dtype, int64_t chunk) {
    const Case c{tokens, 16, vocabulary, every(tokens, 1)};
    const Targets asked = targets(stream, c);
    const Tensor w = tensor_of(stream, {vocabulary, 16}, Values(vocabulary * 16, 0.1), dtype),
                 dloss = tensor_of(stream, {1}, {1}, DType::float32);
    Tensor h = tensor_of(stream, {tokens, 16}, Values(tokens * 16, 0.1), dtype), dh(stream, h.shape(), dtype),
           dw(stream, w.shape(), DType::float32), losses(stream, {tokens}, DType::float32),
           lse(stream, {tokens}, DType::float32);
    kernels::fill(stream, dw, 0);
    const size_t before = stream.allocator()->usage().live;
    stream.allocator()->reset_peak();
    kernels::linear_cross_entropy(stream, losses, lse, &dh, h, w, asked, chunk);
    kernels::linear_cross_entropy_backward(stream, &dh, &dw, dloss, h, w, lse, asked, chunk);
    return int64_t(stream.allocator()->usage().peak - before);
  };
  for (const DType dtype : {DType::float32, DType::bfloat16})
    for (const int64_t vocabulary : {1000, 9000})
      for (const auto& [tokens, chunk] : {std::pair{32, 16}, {48, 16}, {24, 0}}) {
        SCOPED_TRACE(joined(dtype, ", vocabulary ", vocabulary, ", tokens ", tokens, ", chunk ", chunk));
        const int64_t rows = chunk > 0 ? chunk : tokens, block = std::min<int64_t>(vocabulary, on_cuda() ? 8192 : 4096),
                      logits = rows * (on_cuda() ? (block + 63) / 64 * 64 : block + 16);
        int64_t expected = 2 * rows * 16 * 4 + logits * 4 + rows * 8;  // hidden states, their gradient; logits; sums
        if (on_cuda()) expected += 64 * rows * block;                  // what products work in
        if (dtype == DType::bfloat16) expected += logits * 2 - rows * 16 * 2;
        EXPECT_EQ(peak(stream(), tokens, vocabulary, dtype, chunk), expected);
        Stream meta = Stream::meta(stream().target());
        EXPECT_EQ(peak(meta, tokens, vocabulary, dtype, chunk), expected);
      }
}

TEST_P(LinearCrossEntropy, SumsInDouble) {
  for (const int64_t count : {1, 31, 33, 1025, 4099}) {
    std::vector<float> values(size_t(count), 1e-4f);
    values.back() = 1e4f;
    Framed total(stream(), {1}, DType::float32);
    kernels::sum_in_order(stream(), *total, Tensor::from(stream(), {count}, values));
    EXPECT_EQ(total.values()[0], float(1e4f + double(count - 1) * double(1e-4f)));
    EXPECT_TRUE(total.intact());
  }
}

}  // namespace
}  // namespace hone::test
