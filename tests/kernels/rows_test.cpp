// SwiGLU, rotary positions and embeddings beside their formulas in double, on each device.
#include <cmath>

#include "kernels/embedding/embedding.h"
#include "kernels/rope/rope.h"
#include "kernels/swiglu/swiglu.h"
#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class Swiglu : public OnEachDevice {};
class Rope : public OnEachDevice {};
class Embedding : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, Swiglu, each_device(), device_name);
INSTANTIATE_TEST_SUITE_P(On, Rope, each_device(), device_name);
INSTANTIATE_TEST_SUITE_P(On, Embedding, each_device(), device_name);

constexpr auto kTypes = {DType::float32, DType::float64, DType::bfloat16};

Values together(std::initializer_list<const Framed*> frames) {
  Values all;
  for (const Framed* frame : frames) {
    EXPECT_TRUE(frame->intact());
    const Values values = frame->values();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST_P(Swiglu, AndItsGradientAreTheFormulas) {
  // On both sides of the CPU's pieces of 256 and of a block's 4096; 264 and 4104 are whole vectors of any type.
  for (const Shape& shape : {Shape{1, 1}, {3, 31}, {17, 33}, {5, 255}, {5, 257}, {2, 4099}, {17, 264}, {2, 4104}})
    for (const DType dtype : kTypes)
      for (const int64_t pad : {0, 3, 8}) {  // 3: rows that are not aligned
        SCOPED_TRACE(joined(shape, ", ", dtype, ", pad ", pad));
        const int64_t n = shape.elements();
        Values gate = random_values(n, 1, -6, 6);
        if (n > 1) gate[0] = 40, gate[1] = -120;  // far out on both sides
        gate = rounded_to(dtype, gate);
        const Values up = rounded_to(dtype, random_values(n, 2)), dy = rounded_to(dtype, random_values(n, 3));
        Values y(n), dgate(n), dup(n);
        for (int64_t i = 0; i < n; ++i) {
          const double s = 1 / (1 + std::exp(-gate[i]));
          y[i] = gate[i] * s * up[i];
          dgate[i] = dy[i] * up[i] * (s + gate[i] * s * (1 - s));
          dup[i] = dy[i] * gate[i] * s;
        }
        on_device(stream(), [&](Stream& stream) {
          // No two of them have one stride where there is a stride.
          Framed g(stream, shape, dtype, pad, gate), u(stream, shape, dtype, 2 * pad, up),
              d(stream, shape, dtype, 3 * pad, dy);
          Framed out(stream, shape, dtype, 4 * pad), dg(stream, shape, dtype, 5 * pad),
              du(stream, shape, dtype, 6 * pad);
          kernels::swiglu(stream, *out, *g, *u);
          kernels::swiglu_backward(stream, *dg, *du, *d, *g, *u);
          EXPECT_LT(relative_error(out.values(), y), tolerance_of(dtype));
          EXPECT_LT(relative_error(dg.values(), dgate), tolerance_of(dtype));
          EXPECT_LT(relative_error(du.values(), dup), tolerance_of(dtype));
          const Values alone = du.values(), gate_alone = dg.values();
          kernels::swiglu_backward(stream, *dg, *d, *d, *g, *u);  // dup over dy
          EXPECT_EQ(d.values(), alone);
          EXPECT_EQ(dg.values(), gate_alone);
          return together({&out, &dg, &du, &d});
        });
      }
}

TEST_P(Rope, TurnsPairsByTheirAngles) {
  struct Case {
    int64_t heads, head_dim;
    std::vector<int32_t> positions;
  };
  for (const Case& c : {Case{1, 2, {0}},
                        {3, 6, {0, 1, 2, 0, 1}},
                        {2, 64, {0, 5, 100000, 131071}},
                        {4, 30, std::vector<int32_t>(33, 7)},
                        {5, 16, std::vector<int32_t>(70, 9)},  // a head more than a thread turns together
                        {9, 128, {1000000007, 1, 2}}})
    for (const DType dtype : kTypes)
      for (const int64_t pad : {0, 3, 8}) {
        const int64_t tokens = int64_t(c.positions.size()), half = c.head_dim / 2, width = c.heads * c.head_dim;
        SCOPED_TRACE(joined(c.heads, " x ", c.head_dim, ", ", dtype, ", pad ", pad));
        Values inv_freq(half);
        for (int64_t i = 0; i < half; ++i) inv_freq[i] = std::pow(10000.0, -double(2 * i) / double(c.head_dim));
        const Values x = rounded_to(dtype, random_values(tokens * width, 1));
        Values expected(x.size());
        for (int64_t t = 0; t < tokens; ++t)
          for (int64_t h = 0; h < c.heads; ++h)
            for (int64_t i = 0; i < half; ++i) {
              const double angle = c.positions[t] * inv_freq[i];
              const int64_t at = t * width + h * c.head_dim + i;
              expected[at] = x[at] * std::cos(angle) - x[at + half] * std::sin(angle);
              expected[at + half] = x[at + half] * std::cos(angle) + x[at] * std::sin(angle);
            }
        on_device(stream(), [&](Stream& stream) {
          Framed turns(stream, {tokens, c.head_dim}, wide_of(dtype)), in(stream, {tokens, width}, dtype, pad, x),
              y(stream, {tokens, width}, dtype, 2 * pad);
          kernels::rope_table(stream, *turns, Tensor::from(stream, {tokens}, c.positions),
                              Tensor::from(stream, {half}, inv_freq));
          kernels::rope(stream, *y, *in, *turns, kernels::Turn::forward);
          EXPECT_LT(relative_error(y.values(), expected), tolerance_of(dtype));
          const Values turned = together({&turns, &y});
          kernels::rope(stream, *in, *in, *turns, kernels::Turn::forward);  // in place
          EXPECT_EQ(in.values(), y.values());
          kernels::rope(stream, *y, *y, *turns, kernels::Turn::back);
          EXPECT_LT(relative_error(y.values(), x), tolerance_of(dtype));
          EXPECT_TRUE(in.intact() && y.intact());
          return turned;
        });
      }
}

struct Lookup {
  int64_t vocabulary, width;
  std::vector<int32_t> tokens;
};
// `count` tokens of which every third is the same.
std::vector<int32_t> drawn_tokens(int64_t count, int64_t vocabulary) {
  std::vector<int32_t> tokens;
  for (const double value : random_values(count, 3, 0, double(vocabulary)))
    tokens.push_back(int32_t(tokens.size() % 3 == 0 ? vocabulary / 2 : int64_t(value)));
  return tokens;
}

TEST_P(Embedding, GathersRowsAndAddsTheirGradients) {
  // Widths with and without whole vectors, over a block's columns; tokens of more than two tiles of the sort; runs on
  // both sides of the rows that are loaded together.
  for (const Lookup& c : {Lookup{7, 1, {3, 1, 3, 6, 0, 3, 3}},
                          {7, 31, {3, 1, 3, 6, 0, 3, 3}},
                          {7, 64, {3, 1, 3, 6, 0, 3, 3}},
                          {3, 136, std::vector<int32_t>(9, 2)},
                          {2, 1032, std::vector<int32_t>(17, 1)},
                          {600, 8, drawn_tokens(1100, 600)},
                          {512, 3, drawn_tokens(513, 512)},
                          {5, 8, {}}})
    for (const DType dtype : kTypes)
      for (const bool stored : {false, true}) {
        if (stored && dtype == DType::bfloat16) continue;
        SCOPED_TRACE(joined(c.vocabulary, " x ", c.width, ", ", dtype, stored ? ", stored in bfloat16" : ""));
        const DType table_type = stored ? DType::bfloat16 : dtype;
        const int64_t count = int64_t(c.tokens.size());
        const Values table = rounded_to(table_type, random_values(c.vocabulary * c.width, 1)),
                     dy = rounded_to(dtype, random_values(count * c.width, 2));
        Values y, dtable(size_t(c.vocabulary * c.width), 1.0);
        for (size_t t = 0; t < c.tokens.size(); ++t)
          for (int64_t i = 0; i < c.width; ++i) {
            y.push_back(table[c.tokens[t] * c.width + i]);
            dtable[c.tokens[t] * c.width + i] += dy[t * c.width + i];
          }
        for (const int64_t pad : {3, 8}) {  // 3: rows that are not aligned
          if (pad == 3 && count > 1000) continue;
          const auto back_and_forth = [&](Stream& on) {
            const Tensor ids = Tensor::from(on, {count}, c.tokens),
                         rows = tensor_of(on, {c.vocabulary, c.width}, table, table_type);
            Framed out(on, {count, c.width}, dtype, pad), g(on, {count, c.width}, dtype, pad, dy),
                back(on, {c.vocabulary, c.width}, wide_of(dtype), 0, Values(dtable.size(), 1.0));
            kernels::embedding(on, *out, ids, rows);
            EXPECT_EQ(out.values(), y);
            kernels::embedding_backward(on, *back, *g, ids);
            EXPECT_LT(relative_error(back.values(), dtable), tolerance_of(dtype));
            return together({&out, &back});
          };
          const Values made = on_device(stream(), back_and_forth);
          EXPECT_EQ(made, on_threads(back_and_forth)) << "not the CPU's bits";
        }
      }
}

// Tokens of one, two and three passes of the sort.
TEST_P(Embedding, AddsGradientsInVocabulariesOfAnySize) {
  for (const int32_t vocabulary : {1, 511, 512, 513, 262143, 262144}) {
    SCOPED_TRACE(vocabulary);
    std::vector<int32_t> tokens = drawn_tokens(40, vocabulary);
    tokens[7] = tokens[31] = vocabulary - 1;
    std::vector<float> dy, expected(size_t(vocabulary), 1.0f);
    for (size_t t = 0; t < tokens.size(); ++t) expected[size_t(tokens[t])] += dy.emplace_back(float(t) + 0.5f);
    Tensor dtable = Tensor::from(stream(), {vocabulary, 1}, std::vector<float>(size_t(vocabulary), 1.0f));
    kernels::embedding_backward(stream(), dtable, Tensor::from(stream(), {40, 1}, dy),
                                Tensor::from(stream(), {40}, tokens));
    EXPECT_EQ(dtable.to_host<float>(), expected);
  }
}

TEST_P(Embedding, TakesNoTokenOutsideTheVocabulary) {
  Framed y(stream(), {2, 3}, DType::float32);
  const Tensor table(stream(), {5, 3}, DType::float32);
  for (const int32_t token : {5, -1}) {
    const Tensor tokens = Tensor::from<int32_t>(stream(), {2}, {0, token});
    if (on_cuda()) {  // NaN, and no gradient
      kernels::embedding(stream(), *y, tokens, table);
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(y.values()[3 + i]));
      Framed back(stream(), {5, 3}, DType::float32, 0, Values(15, 1.0));
      kernels::embedding_backward(stream(), *back, tensor_of(stream(), {2, 3}, Values(6, 2.0), DType::float32), tokens);
      Values expected(15, 1.0);
      std::fill_n(expected.begin(), 3, 3.0);
      EXPECT_EQ(back.values(), expected);
      EXPECT_TRUE(y.intact() && back.intact());
      continue;
    }
    try {
      kernels::embedding(stream(), *y, tokens, table);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      EXPECT_EQ(std::string(error.what()),
                joined("[embedding] token ", token,
                       " at position 1 is outside the vocabulary of 5; was the data tokenised for another model?"));
    }
  }
}

TEST_P(Embedding, PlannedBytesAreTheMeasured) {
  const auto peak = [](Stream& stream) {
    const Tensor tokens = Tensor::from(stream, {600}, std::vector<int32_t>(600, 3));
    Tensor dtable = tensor_of(stream, {5, 8}, Values(40), DType::float32), dy(stream, {600, 8}, DType::bfloat16);
    kernels::embedding_backward(stream, dtable, dy, tokens);
    return stream.allocator()->usage().peak;
  };
  Stream meta = Stream::meta(stream().target());
  EXPECT_EQ(peak(meta), peak(stream()));
}

}  // namespace
}  // namespace hone::test
