// SwiGLU, rotary positions and embeddings beside their formulas in double, on each device.
#include <cmath>
#include <numbers>

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

void check_gated(Stream& stream_of_test, kernels::Activation activation) {
  // The tanh form of GELU, written as published.
  const auto act = [&](double g) {
    const double t = std::tanh(std::sqrt(2 / std::numbers::pi) * (g + 0.044715 * g * g * g));
    return activation == kernels::Activation::silu ? g / (1 + std::exp(-g)) : 0.5 * g * (1 + t);
  };
  const auto slope = [&](double g) {
    const double s = 1 / (1 + std::exp(-g)), inner = std::sqrt(2 / std::numbers::pi),
                 t = std::tanh(inner * (g + 0.044715 * g * g * g));
    return activation == kernels::Activation::silu
               ? s + g * s * (1 - s)
               : 0.5 * (1 + t) + 0.5 * g * (1 - t * t) * inner * (1 + 3 * 0.044715 * g * g);
  };
  // On both sides of the CPU's pieces of 256 and of a block's 4096; 264 and 4104 are whole vectors of any type.
  for (const Shape& shape : {Shape{1, 1}, {3, 31}, {17, 33}, {5, 255}, {5, 257}, {2, 4099}, {17, 264}, {2, 4104}})
    for (const DType dtype : kTypes)
      for (const int64_t pad : {0, 3, 8}) {  // 3: rows that are not aligned
        SCOPED_TRACE(joined(shape, ", ", dtype, ", pad ", pad, ", activation ", int(activation)));
        const int64_t n = shape.elements();
        Values gate = random_values(n, 1, -6, 6);
        if (n > 1) gate[0] = 40, gate[1] = -120;  // far out on both sides
        gate = rounded_to(dtype, gate);
        const Values up = rounded_to(dtype, random_values(n, 2)), dy = rounded_to(dtype, random_values(n, 3));
        Values y(n), dgate(n), dup(n);
        for (int64_t i = 0; i < n; ++i) {
          y[i] = act(gate[i]) * up[i];
          dgate[i] = dy[i] * up[i] * slope(gate[i]);
          dup[i] = dy[i] * act(gate[i]);
        }
        on_device(stream_of_test, [&](Stream& stream) {
          // No two of them have one stride where there is a stride.
          Framed g(stream, shape, dtype, pad, gate), u(stream, shape, dtype, 2 * pad, up),
              d(stream, shape, dtype, 3 * pad, dy);
          Framed out(stream, shape, dtype, 4 * pad), dg(stream, shape, dtype, 5 * pad),
              du(stream, shape, dtype, 6 * pad);
          kernels::swiglu(stream, *out, *g, *u, activation);
          kernels::swiglu_backward(stream, *dg, *du, *d, *g, *u, activation);
          EXPECT_LT(relative_error(out.values(), y), tolerance_of(dtype));
          EXPECT_LT(relative_error(dg.values(), dgate), tolerance_of(dtype));
          EXPECT_LT(relative_error(du.values(), dup), tolerance_of(dtype));
          const Values alone = du.values(), gate_alone = dg.values();
          kernels::swiglu_backward(stream, *dg, *d, *d, *g, *u, activation);  // dup over dy
          EXPECT_EQ(d.values(), alone);
          EXPECT_EQ(dg.values(), gate_alone);
          return together({&out, &dg, &du, &d});
        });
      }
}

TEST_P(Swiglu, AndItsGradientAreTheFormulas) { check_gated(stream(), kernels::Activation::silu); }
TEST_P(Swiglu, WithGeluAndItsGradientAreTheFormulas) { check_gated(stream(), kernels::Activation::gelu_tanh); }

TEST_P(Rope, TurnsPairsByTheirAngles) {
  struct Case {
    int64_t heads, head_dim;
    std::vector<int32_t> positions;
    int64_t rotary = head_dim;  // channels of a head that turn
    double factor = 1;
  };
  for (const Case& c : {Case{1, 2, {0}},
                        {5, 24, {0, 1, 2, 900}, 16, 1.19},  // the channels that stay: half as many as turn,
                        {3, 48, {0, 1, 2}, 16, 1.19},       // twice as many,
                        {2, 128, {3, 4}, 96, 1},            // and a third, as in Phi-4-mini
                        {3, 7, {5}, 4, 0.5},
                        {3, 6, {0, 1, 2, 0, 1}},
                        {2, 64, {0, 5, 100000, 131071}},
                        {4, 30, std::vector<int32_t>(33, 7)},
                        {5, 16, std::vector<int32_t>(70, 9)},  // a head more than a thread turns together
                        {9, 128, {1000000007, 1, 2}}})
    for (const DType dtype : kTypes)
      for (const int64_t pad : {0, 3, 8}) {
        const int64_t tokens = int64_t(c.positions.size()), half = c.rotary / 2, width = c.heads * c.head_dim;
        SCOPED_TRACE(joined(c.heads, " x ", c.head_dim, ", ", dtype, ", pad ", pad));
        Values inv_freq(half);
        for (int64_t i = 0; i < half; ++i) inv_freq[i] = std::pow(10000.0, -double(2 * i) / double(c.rotary));
        const Values x = rounded_to(dtype, random_values(tokens * width, 1));
        Values expected = x;
        for (int64_t t = 0; t < tokens; ++t)
          for (int64_t h = 0; h < c.heads; ++h)
            for (int64_t i = 0; i < half; ++i) {
              const double angle = c.positions[t] * inv_freq[i];
              const int64_t at = t * width + h * c.head_dim + i;
              const double cosine = c.factor * std::cos(angle), sine = c.factor * std::sin(angle);
              expected[at] = x[at] * cosine - x[at + half] * sine;
              expected[at + half] = x[at + half] * cosine + x[at] * sine;
            }
        on_device(stream(), [&](Stream& stream) {
          Framed turns(stream, {tokens, c.rotary}, wide_of(dtype)), in(stream, {tokens, width}, dtype, pad, x),
              y(stream, {tokens, width}, dtype, 2 * pad);
          kernels::rope_table(stream, *turns, Tensor::from(stream, {tokens}, c.positions),
                              Tensor::from(stream, {half}, inv_freq), c.factor);
          kernels::rope(stream, *y, *in, *turns, c.head_dim, kernels::Turn::forward);
          EXPECT_LT(relative_error(y.values(), expected), tolerance_of(dtype));
          const Values turned = together({&turns, &y});
          kernels::rope(stream, *in, *in, *turns, c.head_dim, kernels::Turn::forward);  // in place
          EXPECT_EQ(in.values(), y.values());
          kernels::rope(stream, *y, *y, *turns, c.head_dim, kernels::Turn::back);
          // The gradient of a rotation: back, and as much larger once more.
          Values back = x;
          for (size_t i = 0; i < back.size(); ++i)
            if (int64_t(i) % c.head_dim < c.rotary) back[i] *= c.factor * c.factor;
          EXPECT_LT(relative_error(y.values(), back), tolerance_of(dtype));
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
        constexpr double kScale = 2.25;  // Gemma's: of what is read, and of its gradient
        Values scaled = y, dscaled(dtable.size());
        for (double& value : scaled) value *= kScale;
        for (size_t i = 0; i < dtable.size(); ++i) dscaled[i] = 1 + kScale * (dtable[i] - 1);
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
            Framed larger(on, {count, c.width}, dtype, pad),
                dlarger(on, {c.vocabulary, c.width}, wide_of(dtype), 0, Values(dtable.size(), 1.0));
            kernels::embedding(on, *larger, ids, rows, kScale);
            EXPECT_LE(relative_error(larger.values(), scaled), tolerance_of(dtype));
            kernels::embedding_backward(on, *dlarger, *g, ids, kScale);
            EXPECT_LT(relative_error(dlarger.values(), dscaled), tolerance_of(dtype));
            return together({&out, &back, &larger, &dlarger});
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
