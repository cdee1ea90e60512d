// Every differentiable op against finite differences through the real tape: leaves, parameters, biases, what is frozen,
// sizes on both sides of the tiles.
#include <gtest/gtest.h>

#include "autograd/functions.h"
#include "kernels/nf4/nf4.h"
#include "kernels/rope/rope.h"
#include "tests/support/gradcheck.h"
#include "tests/support/tolerances.h"

namespace hone::test {
namespace {

namespace ag = hone::autograd;

class Gradient : public testing::Test {
 protected:
  void check(const Function& function, const std::vector<Shape>& leaves,
             const std::vector<ParameterPtr>& parameters = {}) {
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < leaves.size(); ++i) tensors.push_back(random_tensor(stream_, leaves[i], i + 1));
    EXPECT_LT(gradient_error(stream_, function, tensors, parameters), kFiniteDifferences);
  }
  ParameterPtr parameter(Shape shape, uint64_t seed, bool trainable = true) {
    return random_parameter(stream_, "p" + std::to_string(seed), shape, seed, trainable);
  }
  QuantizedTensor quantized(Shape shape, bool nested) {
    QuantizedTensor weight = kernels::nf4_empty(stream_, shape);
    kernels::nf4_quantize(stream_, weight, 0, random_tensor(stream_, {shape.elements()}, 9, DType::float32));
    return nested ? kernels::nf4_nest_scales(stream_, weight) : weight;
  }
  Targets targets(std::vector<int32_t> rows, std::vector<int32_t> labels) {
    const int64_t n = int64_t(rows.size());
    return {Tensor::from(stream_, {n}, rows), Tensor::from(stream_, {n}, labels), n};
  }
  Stream stream_ = Stream::cpu(2);
};

TEST_F(Gradient, AddOfOneVarToItself) {
  check(
      [](Tape& tape, auto x) {
        return std::vector{ag::add(tape, x[0], x[0]), ag::add(tape, x[0], x[1])};
      },
      {{3, 5}, {3, 5}});
}

TEST_F(Gradient, Embedding) {
  const auto table = parameter({7, 5}, 11);
  const Tensor tokens = Tensor::from<int32_t>(stream_, {6}, {3, 1, 3, 6, 0, 3});
  check(
      [&](Tape& tape, auto) { return std::vector{ag::embedding(tape, tokens, tape.parameter(table), DType::float64)}; },
      {}, {table});
}

TEST_F(Gradient, LinearWithEveryPartFrozenOrNot) {
  for (const Shape& shape : {Shape{6, 33}, {33, 31}})
    for (const int frozen : {0, 1, 2, 3})
      for (const bool has_bias : {false, true}) {
        SCOPED_TRACE(frozen);
        const auto w = parameter(shape, 12, !(frozen & 1)),
                   bias = has_bias ? parameter({shape[0]}, 13, !(frozen & 2)) : nullptr;
        std::vector<ParameterPtr> parameters{w};
        if (bias) parameters.push_back(bias);
        check([&](Tape& tape, auto x) { return std::vector{ag::linear(tape, x[0], w, bias)}; }, {{5, shape[1]}},
              parameters);
      }
}

TEST_F(Gradient, LinearWhoseInputIsFrozen) {
  const auto w = parameter({4, 9}, 12), bias = parameter({4}, 13);
  const Tensor x = random_tensor(stream_, {5, 9}, 1);
  check([&](Tape& tape, auto) { return std::vector{ag::linear(tape, tape.constant(x), w, bias)}; }, {}, {w, bias});
}

TEST_F(Gradient, LinearStored) {
  const auto bias = parameter({130}, 13);
  for (const bool nested : {false, true}) {
    const QuantizedTensor w = quantized({130, 9}, nested);
    check([&](Tape& tape, auto x) { return std::vector{ag::linear(tape, x[0], w, bias)}; }, {{4, 9}}, {bias});
  }
  const auto stored =
      random_parameter(stream_, "stored", {6, 9}, 14, false, DType::float32);  // widened, as bfloat16 is
  check([&](Tape& tape, auto x) { return std::vector{ag::linear(tape, x[0], stored)}; }, {{4, 9}});
}

TEST_F(Gradient, LoraLinear) {
  const auto a = parameter({3, 9}, 22), b = parameter({6, 3}, 23);
  for (const bool base : {false, true})
    for (const bool has_bias : {false, true}) {
      const auto w = parameter({6, 9}, 21, base), bias = has_bias ? parameter({6}, 24) : nullptr;
      std::vector<ParameterPtr> parameters{a, b, w};
      if (bias) parameters.push_back(bias);
      check(
          [&](Tape& tape, auto x) {
            return std::vector{ag::lora_linear(tape, x[0], x[0], w, bias, {a, b, 0.7})};
          },
          {{5, 9}}, parameters);
      check(
          [&](Tape& tape, auto x) {
            return std::vector{
                ag::lora_linear(tape, x[0], ag::dropout(tape, x[0], 0.4, {.seed = 3}), w, bias, {a, b, 0.7})};
          },
          {{5, 9}}, parameters);
    }
}

TEST_F(Gradient, LoraLinearWithAHalfFrozenOrBoth) {
  const auto w = parameter({6, 9}, 21, false);
  for (const int trained : {0, 1, 2}) {
    const auto a = parameter({3, 9}, 22, trained & 1), b = parameter({6, 3}, 23, trained & 2);
    check(
        [&](Tape& tape, auto x) {
          return std::vector{ag::lora_linear(tape, x[0], x[0], w, {}, {a, b, 0.7})};
        },
        {{5, 9}}, {a, b});
  }
}

TEST_F(Gradient, LoraLinearOnAQuantizedBase) {
  const auto a = parameter({2, 31}, 22), b = parameter({33, 2}, 23), bias = parameter({33}, 24);
  for (const bool nested : {false, true}) {
    const QuantizedTensor w = quantized({33, 31}, nested);
    check(
        [&](Tape& tape, auto x) {
          return std::vector{ag::lora_linear(tape, x[0], x[0], w, bias, {a, b, 1.5})};
        },
        {{3, 31}}, {a, b, bias});
  }
}

TEST_F(Gradient, LinearsOfOneInput) {
  // The first two adapters' a lie one behind another, the third's does not.
  const Tensor neighbours = random_tensor(stream_, {5 * 9}, 7);
  const auto a1 = parameter({3, 9}, 22), a2 = parameter({2, 9}, 23), a3 = parameter({1, 9}, 24),
             b1 = parameter({6, 3}, 25), b2 = parameter({4, 2}, 26), b3 = parameter({3, 1}, 27);
  a1->value = neighbours.flat_range(0, {3, 9}), a2->value = neighbours.flat_range(27, {2, 9});
  const auto w2 = parameter({4, 9}, 29), bias = parameter({3}, 30);
  for (const int frozen : {0, 1, 2}) {
    const auto w1 = parameter({6, 9}, 28, frozen == 0);
    a2->trainable = frozen != 1, b1->trainable = frozen != 2;
    const QuantizedTensor w3 = quantized({3, 9}, true);
    const std::vector<ag::LinearPart> parts{{w1, {}, ag::LoraPair{a1, b1, 0.7}},
                                            {w2, {}, {}},
                                            {w2, {}, ag::LoraPair{a2, b2, 0.3}},
                                            {w3, bias, ag::LoraPair{a3, b3, 1.5}}};
    for (const double dropout : {0.0, 0.4})
      check(
          [&](Tape& tape, auto x) {
            const Var dropped = ag::dropout(tape, x[0], dropout, {.seed = 3});
            return ag::linears(tape, x[0], dropped, parts);
          },
          {{5, 9}}, {w1, w2, bias, a1, a2, a3, b1, b2, b3});
  }
  // Only the first is used.
  const std::vector<ag::LinearPart> parts{{w2, {}, ag::LoraPair{a2, b2, 0.3}},
                                          {parameter({6, 9}, 28, false), {}, ag::LoraPair{a1, b1, 0.3}}};
  check([&](Tape& tape, auto x) { return std::vector{ag::linears(tape, x[0], x[0], parts).front()}; }, {{5, 9}},
        {w2, a2, b2});
}

// In the buffers of a ParameterSet: the gradients of neighbours are one product too, those of others are not.
TEST_F(Gradient, LinearsThatAreNeighboursEqualThoseAlone) {
  for (const bool gap : {false, true}) {
    std::vector<ParameterPtr> as, bs, all;
    std::vector<ag::LinearPart> parts;
    for (uint64_t i = 0; i < 3; ++i) {
      as.push_back(parameter({2 + int64_t(i), 16}, 31 + i, !gap || i != 1)),
          bs.push_back(parameter({5, 2 + int64_t(i)}, 41 + i));
      parts.push_back({parameter({5, 16}, 51 + i, false), {}, ag::LoraPair{as.back(), bs.back(), 0.5}});
    }
    all = as, all.insert(all.end(), bs.begin(), bs.end());
    ag::ParameterSet set(stream_, all);
    EXPECT_EQ(bool(as[0]->value.joined(as[1]->value)), !gap);
    EXPECT_TRUE(bool(as[0]->grad.joined(as[gap ? 2 : 1]->grad)));
    const auto run = [&](bool together) {
      set.clear_gradients(stream_);
      Tape tape(stream_);
      const Var x = tape.leaf(random_tensor(stream_, {7, 16}, 1)), d = ag::dropout(tape, x, 0.2, {.seed = 3});
      std::vector<Var> ys;
      if (together) {
        ys = ag::linears(tape, x, d, parts);
      } else {
        for (const auto& [w, bias, lora] : parts) ys.push_back(ag::lora_linear(tape, x, d, w, bias, *lora));
      }
      std::vector<double> values;
      const auto keep = [&](const Tensor& t) {
        const std::vector<double> v = t.to_host<double>();
        values.insert(values.end(), v.begin(), v.end());
      };
      std::vector<Slot> outs;
      std::vector<Tensor> seeds;
      for (const Var& y : ys) {
        keep(y.value());
        outs.push_back(y.slot()), seeds.push_back(random_tensor(stream_, y.value().shape(), 60 + outs.size()));
      }
      tape.backward(outs, seeds);
      keep(tape.take_gradient(x.slot())), keep(set.gradients());
      return values;
    };
    EXPECT_LT(relative_error(run(true), run(false)), kFloat64);
  }
}

TEST_F(Gradient, RmsNorm) {
  for (const int64_t width : {1, 31, 33})
    for (const bool trainable : {true, false}) {
      const auto w = parameter({width}, 31, trainable);
      check([&](Tape& tape, auto x) { return std::vector{ag::rms_norm(tape, x[0], tape.parameter(w), 1e-2)}; },
            {{5, width}}, {w});
    }
}

TEST_F(Gradient, ResidualRmsNormBothOutputsAndEachAlone) {
  const auto w = parameter({8}, 31);
  for (const int used : {0, 1, 2})
    check(
        [&](Tape& tape, auto x) {
          const auto [sum, y] = ag::residual_rms_norm(tape, x[0], x[1], tape.parameter(w), 1e-5);
          return used == 0   ? std::vector{sum, y}
                 : used == 1 ? std::vector{sum, ag::add(tape, sum, sum)}
                             : std::vector{y};
        },
        {{4, 8}, {4, 8}}, used == 1 ? std::vector<ParameterPtr>{} : std::vector{w});
}

TEST_F(Gradient, ResidualRmsNormWithOneInputFrozen) {
  const auto w = parameter({8}, 31, false);
  const Tensor other = random_tensor(stream_, {4, 8}, 5);
  for (const bool first : {true, false})
    check(
        [&](Tape& tape, auto x) {
          const Var frozen = tape.constant(other);
          const auto [sum, y] =
              ag::residual_rms_norm(tape, first ? x[0] : frozen, first ? frozen : x[0], tape.parameter(w), 1e-5);
          return std::vector{sum, y};
        },
        {{4, 8}});
}

TEST_F(Gradient, RopeOfBothAndOfOne) {
  Tensor turns(stream_, {5, 4}, DType::float64);
  kernels::rope_table(stream_, turns, Tensor::from<int32_t>(stream_, {5}, {0, 1, 2, 0, 1}),
                      Tensor::from<double>(stream_, {2}, {1, 0.3}));
  for (const bool both : {true, false})
    check(
        [&](Tape& tape, auto x) {
          const auto [q, k] = ag::rope(tape, x[0], both ? x[1] : tape.constant(x[0].value()), turns, turns.width());
          return both ? std::vector{q, k} : std::vector{q};
        },
        both ? std::vector<Shape>{{5, 8}, {5, 4}} : std::vector<Shape>{{5, 8}});
}

TEST_F(Gradient, AttentionAcrossTilesAndDocuments) {
  for (const std::vector<int32_t>& starts : {std::vector<int32_t>{0, 4, 4, 9}, {0, 65, 66}})
    check(
        [&](Tape& tape, auto x) {
          return std::vector{ag::attention(tape, x[0], x[1], x[2], documents_on(stream_, starts), {4, 2, 3})};
        },
        {{starts.back(), 12}, {starts.back(), 6}, {starts.back(), 6}});
}

TEST_F(Gradient, Swiglu) {
  check([](Tape& tape, auto x) { return std::vector{ag::swiglu(tape, x[0], x[1])}; }, {{17, 3}, {17, 3}});
  check([](Tape& tape, auto x) { return std::vector{ag::swiglu(tape, x[0], x[0])}; }, {{3, 7}});
  for (const kernels::Activation activation : {kernels::Activation::silu, kernels::Activation::gelu_tanh}) {
    check([&](Tape& tape, auto x) { return std::vector{ag::swiglu(tape, x[0], x[1], activation)}; },
          {{17, 3}, {17, 3}});
    check([&](Tape& tape, auto x) { return std::vector{ag::swiglu(tape, x[0], activation)}; }, {{17, 6}});
  }
}

TEST_F(Gradient, SplitQkv) {
  check(
      [](Tape& tape, auto x) {
        auto [q, k, v] = ag::split_qkv(tape, x[0], 6, 4);
        return std::vector{q, k, v};
      },
      {{5, 14}});
  check([](Tape& tape, auto x) { return std::vector{ag::split_qkv(tape, x[0], 6, 4).k}; }, {{5, 14}});
}

TEST_F(Gradient, RmsNormOfEachHead) {
  for (const bool trainable : {true, false}) {
    const auto w = parameter({3}, 33, trainable);
    check([&](Tape& tape, auto x) { return std::vector{ag::rms_norm(tape, x[0], tape.parameter(w), 1e-5)}; }, {{5, 12}},
          {w});
    check(  // its input's gradient has begun elsewhere
        [&](Tape& tape, auto x) {
          return std::vector{ag::rms_norm(tape, x[0], tape.parameter(w), 1e-5), ag::add(tape, x[0], x[0])};
        },
        {{5, 12}}, {w});
  }
}

TEST_F(Gradient, DropoutOfAFixedMask) {
  check([](Tape& tape, auto x) { return std::vector{ag::dropout(tape, x[0], 0.3, {.seed = 5})}; }, {{17, 7}});
}

TEST_F(Gradient, LinearCrossEntropy) {
  const Targets asked = targets({0, 2, 3, 6}, {8, 1, 1, 4});
  for (const bool trainable : {true, false})
    for (const int64_t chunk : {1, 3, 64}) {
      const auto w = parameter({9, 5}, 41, trainable);
      for (const double softcap : {0.0, 1.3})
        check([&](Tape& tape,
                  auto x) { return std::vector{ag::linear_cross_entropy(tape, x[0], w, asked, chunk, softcap)}; },
              {{7, 5}}, {w});
    }
  const QuantizedTensor w = quantized({33, 5}, true);
  check([&](Tape& tape, auto x) { return std::vector{ag::linear_cross_entropy(tape, x[0], w, asked, 3)}; }, {{7, 5}});
}

TEST_F(Gradient, ATiedParameterUsedTwice) {
  const auto w = parameter({9, 5}, 42);
  const Tensor tokens = Tensor::from<int32_t>(stream_, {3}, {3, 1, 3});
  const Targets asked = targets({0, 2}, {8, 1});
  check(
      [&](Tape& tape, auto) {
        return std::vector{ag::linear_cross_entropy(
            tape, ag::embedding(tape, tokens, tape.parameter(w), DType::float64, 1.7), w, asked, 64)};
      },
      {}, {w});
}

// The checker itself: a doubled gradient, and one written over what was there.
TEST_F(Gradient, CheckSeesAWrongGradient) {
  const Function doubled = [](Tape& tape, std::span<const Var> x) {
    return std::vector{
        tape.record("doubled", x[0].value(), {x[0]}, [x = x[0].slot()](std::span<Tensor> dys, GradSink& grads) {
          grads.add(x, dys[0]);
          grads.add(x, dys[0]);
        })};
  };
  EXPECT_GT(gradient_error(stream_, doubled, {random_tensor(stream_, {3}, 1)}), 0.5);
}

}  // namespace
}  // namespace hone::test
