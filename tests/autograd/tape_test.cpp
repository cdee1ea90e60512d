// The tape's rules, each with a test that fails when the rule is broken.
#include <gtest/gtest.h>

#include "autograd/functions.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/rms_norm/rms_norm.h"
#include "tests/support/gradcheck.h"

namespace hone::test {
namespace {

namespace ag = hone::autograd;

size_t bytes(int64_t elements) { return Allocator::rounded(size_t(elements) * sizeof(double)); }

template <class F>
void expect_error(F&& body, const std::string& message) {
  try {
    body();
    ADD_FAILURE() << "no error; expected: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), message);
  }
}

TEST(Tape, FrozenInputsRecordNothingAndKeepNothing) {
  Stream stream = Stream::cpu();
  const auto w = random_parameter(stream, "w", {6, 9}, 2, false),
             norm = random_parameter(stream, "norm", {6}, 3, false);
  const Tensor x = random_tensor(stream, {5, 9}, 1);
  const size_t before = stream.allocator()->usage().live;
  Tape tape(stream);
  {
    const Var y = ag::rms_norm(tape, ag::linear(tape, tape.constant(x), w), tape.parameter(norm), 1e-5);
    EXPECT_FALSE(y.wanted());
  }
  EXPECT_EQ(tape.nodes(), 0u);
  EXPECT_EQ(stream.allocator()->usage().live, before);
}

TEST(Tape, InferenceTapeKeepsNothingOfTrainableOps) {
  Stream stream = Stream::cpu();
  const auto w = random_parameter(stream, "w", {9, 9}, 2);
  const Tensor x = random_tensor(stream, {5, 9}, 1);
  const size_t before = stream.allocator()->usage().live;
  Tape tape = Tape::inference(stream);
  Var y = tape.constant(x);
  for (int i = 0; i < 5; ++i) y = ag::linear(tape, y, w);
  EXPECT_EQ(stream.allocator()->usage().live, before + bytes(45));
}

TEST(Tape, AFrozenLinearDoesNotKeepItsInput) {
  Stream stream = Stream::cpu();
  const auto w = random_parameter(stream, "w", {9, 9}, 2, false);
  Tape tape(stream);
  size_t before;
  {
    Var y = tape.leaf(random_tensor(stream, {5, 9}, 1));
    before = stream.allocator()->usage().live;
    for (int i = 0; i < 5; ++i) y = ag::linear(tape, y, w);
    EXPECT_EQ(stream.allocator()->usage().live, before);  // one (5, 9) at a time
  }
  EXPECT_EQ(tape.nodes(), 5u);
}

// Two consumers of one gradient: add() hands the same memory to both its inputs; then each gets more gradient from
// elsewhere.
TEST(Tape, SharedGradientsAreNotWrittenInPlace) {
  Stream stream = Stream::cpu();
  const Tensor x = random_tensor(stream, {3, 4}, 1), seed = random_tensor(stream, {3, 4}, 2);
  const std::vector<double> seed_before = seed.to_host<double>();
  Tape tape(stream);
  const Var a = tape.leaf(x), b = tape.leaf(x);
  const Var late = ag::add(tape, a, b);  // runs last on the way back: adds into slots that already hold shared memory
  const Var sum = ag::add(tape, a, b), twice = ag::add(tape, sum, late);
  tape.backward(twice.slot(), seed);  // the caller keeps its handle on the seed
  EXPECT_EQ(seed.to_host<double>(), seed_before);
  for (const Var& leaf : {a, b}) {
    const std::vector<double> grad = tape.take_gradient(leaf.slot()).to_host<double>();
    for (size_t i = 0; i < grad.size(); ++i) EXPECT_EQ(grad[i], 2 * seed_before[i]);
  }
}

TEST(Tape, ASavedValueGivenAsAGradientIsNotOverwritten) {
  Stream stream = Stream::cpu();
  const Tensor x = random_tensor(stream, {4}, 1);
  const std::vector<double> before = x.to_host<double>();
  Tape tape(stream);
  const Var leaf = tape.leaf(x);
  const auto half_square = [&](const Var& v) {  // d(v²/2) = v: the gradient *is* the saved value
    return tape.record("half_square", Tensor(stream, {4}, DType::float64), {v},
                       [saved = tape.save(v), v = v.slot()](std::span<Tensor>, GradSink& grads) {
                         grads.add(v, saved.get(grads.stream()));
                       });
  };
  const Var p = half_square(leaf), q = half_square(leaf);
  const Slot outs[] = {p.slot(), q.slot()};
  Tensor seeds[] = {random_tensor(stream, {4}, 2), random_tensor(stream, {4}, 3)};
  tape.backward(outs, seeds);
  EXPECT_EQ(leaf.value().to_host<double>(), before);
  EXPECT_EQ(tape.take_gradient(leaf.slot()).to_host<double>()[0], 2 * before[0]);
}

TEST(Tape, GradientsAddInPlaceWhenNobodyElseSeesThem) {
  Stream stream = Stream::cpu();
  const auto w = random_parameter(stream, "w", {8, 8}, 1, false);
  Tape tape(stream);
  const Var x = tape.leaf(random_tensor(stream, {4, 8}, 2));
  std::vector<Slot> outs;
  std::vector<Tensor> seeds;
  for (int i = 0; i < 3; ++i)
    outs.push_back(ag::linear(tape, x, w).slot()), seeds.push_back(random_tensor(stream, {4, 8}, 3));
  const size_t before = stream.allocator()->usage().live;
  stream.allocator()->reset_peak();
  tape.backward(outs, seeds);
  EXPECT_EQ(stream.allocator()->usage().peak, before + bytes(32));  // seeds go as they are used; sum and one new part
}

TEST(Tape, WhatANodeSavedIsFreedAsTheTapePasses) {
  Stream stream = Stream::cpu();
  const auto w = random_parameter(stream, "w", {8}, 1, false);
  const size_t start = stream.allocator()->usage().live;
  Tape tape(stream);
  Slot in, out;
  {
    Var x = tape.leaf(random_tensor(stream, {4, 8}, 2));
    in = x.slot();
    for (int i = 0; i < 10; ++i) x = ag::rms_norm(tape, x, tape.parameter(w), 1e-5);
    out = x.slot();
  }
  EXPECT_EQ(stream.allocator()->usage().live - start, 10 * (bytes(32) + bytes(4)));
  tape.backward(out, random_tensor(stream, {4, 8}, 3));
  EXPECT_EQ(stream.allocator()->usage().live - start, bytes(32));
}

// norm → two linears: the norm's output is remade once, shared, and gone when the last consumer has passed.
TEST(Tape, ARemadeTensorIsMadeOnceAndFreedWithItsLastUser) {
  Stream stream = Stream::cpu();
  const auto norm = random_parameter(stream, "norm", {8}, 1, false);
  std::vector<ParameterPtr> ws{random_parameter(stream, "a", {8, 8}, 2), random_parameter(stream, "b", {8, 8}, 3)};
  const ag::ParameterSet parameters(stream, ws);
  const Tensor seed = random_tensor(stream, {4, 8}, 4);
  for (const auto how : {ag::Recompute::none, ag::Recompute::selective}) {
    const size_t start = stream.allocator()->usage().live;
    Tape tape(stream);
    const Var x = tape.leaf(random_tensor(stream, {4, 8}, 2));
    const Slot out = ag::run_segment(tape, how, x, [&](Tape& tape, const Var& x) {
                       const Var h = ag::rms_norm(tape, x, tape.parameter(norm), 1e-5);
                       return ag::add(tape, ag::linear(tape, h, ws[0]), ag::linear(tape, h, ws[1]));
                     }).slot();
    EXPECT_EQ(stream.allocator()->usage().live - start,
              bytes(32) + bytes(4) + (how == ag::Recompute::none ? bytes(32) : 0));
    const size_t allocations = stream.allocator()->usage().allocations;
    tape.backward(out, seed);
    // dh twice (one summed in place), dx; and one remake, not two
    EXPECT_EQ(stream.allocator()->usage().allocations - allocations, how == ag::Recompute::none ? 3u : 4u);
    EXPECT_EQ(stream.allocator()->usage().live - start, 2 * bytes(32));
  }
}

TEST(Tape, RecomputeRecordsWithAFrozenInputAndNotWithoutAnythingToTrain) {
  Stream stream = Stream::cpu();
  for (const bool trainable : {true, false}) {
    const auto base = random_parameter(stream, "base", {6, 9}, 2, false),
               a = random_parameter(stream, "a", {3, 9}, 3, trainable),
               b = random_parameter(stream, "b", {6, 3}, 4, trainable);
    const auto run = [&](bool recomputed) {
      for (const ParameterPtr& p : {a, b})
        p->grad = Tensor(stream, p->value.shape(), DType::float64), kernels::fill(stream, p->grad, 0);
      Tape tape(stream);
      const auto body = [&](Tape& t, std::span<const Var> x) {
        return std::vector{ag::lora_linear(t, x[0], x[0], base, {}, {a, b, 0.5})};
      };
      const std::vector<Var> in{tape.constant(random_tensor(stream, {5, 9}, 1))};
      const Var y = (recomputed ? ag::recompute(tape, in, body) : body(tape, in)).front();
      EXPECT_EQ(tape.nodes(), trainable ? 1u : 0u);
      if (trainable) tape.backward(y.slot(), random_tensor(stream, {5, 6}, 7));
      return a->grad.to_host<double>();
    };
    const std::vector<double> plain = run(false), again = run(true);
    EXPECT_EQ(plain, again);
    EXPECT_TRUE(!trainable || plain[0] != 0);
  }
}

TEST(Tape, RecomputeWithSeveralInputsAndOutputsNested) {
  Stream stream = Stream::cpu();
  const auto norm = random_parameter(stream, "norm", {8}, 1);
  const ag::Segment segment = [&](Tape& tape, std::span<const Var> x) {
    const auto [sum, y] = ag::residual_rms_norm(tape, x[0], x[1], tape.parameter(norm), 1e-5);
    return std::vector{sum, ag::dropout(tape, y, 0.3, tape.random().at(1, 2)), x[0]};  // an output that is an input
  };
  const auto run = [&](int depth) {
    norm->grad = Tensor(stream, {8}, DType::float64);
    kernels::fill(stream, norm->grad, 0);
    Tape tape(stream, {.seed = 4});
    const Var a = tape.leaf(random_tensor(stream, {4, 8}, 2)), b = tape.leaf(random_tensor(stream, {4, 8}, 3));
    ag::Segment body = segment;
    for (int i = 0; i < depth; ++i)
      body = [body](Tape& tape, std::span<const Var> x) { return ag::recompute(tape, {x.begin(), x.end()}, body); };
    std::vector<Slot> outs;
    std::vector<Tensor> seeds;
    for (const Var& y : body(tape, std::vector{a, b}))
      outs.push_back(y.slot()), seeds.push_back(random_tensor(stream, {4, 8}, 9 + outs.size()));
    seeds[2] = {};  // an unused output
    tape.backward(outs, seeds);
    return std::array{tape.take_gradient(a.slot()).to_host<double>(), tape.take_gradient(b.slot()).to_host<double>(),
                      norm->grad.to_host<double>()};
  };
  EXPECT_EQ(run(0), run(1));
  EXPECT_EQ(run(0), run(2));
}

TEST(Tape, RecomputeFreesTheRemadeOutputsBeforeTheWayBack) {
  Stream stream = Stream::cpu();
  const auto w = random_parameter(stream, "w", {8, 8}, 1, false);
  Tape tape(stream);
  const Var x = tape.leaf(random_tensor(stream, {4, 8}, 2));
  const Slot out =
      ag::recompute(tape, {x},
                    [w](Tape& inner, std::span<const Var> xs) { return std::vector{ag::linear(inner, xs[0], w)}; })
          .front()
          .slot();
  Tensor seed = random_tensor(stream, {4, 8}, 3);
  const size_t before = stream.allocator()->usage().live;
  stream.allocator()->reset_peak();
  tape.backward(out, std::move(seed));
  EXPECT_EQ(stream.allocator()->usage().peak, before + bytes(32));  // y, then dx in its place
}

TEST(Tape, ASegmentThatReachesOutsideIsRefused) {
  Stream stream = Stream::cpu();
  Tape tape(stream);
  const Var x = tape.leaf(random_tensor(stream, {4}, 1)), outside = tape.leaf(random_tensor(stream, {4}, 2));
  expect_error(
      [&] {
        (void)ag::recompute(tape, {x}, [&](Tape& inner, std::span<const Var> xs) {
          return std::vector{ag::add(inner, xs[0], outside)};
        });
      },
      "[add] an input was made on another tape; pass it to recompute as an input");
}

TEST(Tape, ErrorsNameThePlaceWhatWasExpectedAndWhatCame) {
  Stream stream = Stream::cpu(), meta = Stream::meta();
  Tensor x = random_tensor(stream, {5, 8}, 1), y(stream, {5, 8}, DType::float64), inverse(stream, {5}, DType::float64);
  expect_error([&] { kernels::rms_norm(stream, y, inverse, x, random_tensor(stream, {7}, 1), 1e-5); },
               "[rms_norm] weight must be (8), got (7)");
  expect_error([&] { kernels::rms_norm(stream, y, inverse, x, random_tensor(stream, {8}, 1, DType::float32), 1e-5); },
               "[rms_norm] weight must be float64, got float32");
  expect_error([&] { kernels::rms_norm(stream, y, inverse, x, Tensor(meta, {8}, DType::float64), 1e-5); },
               "[rms_norm] weight lies on meta:0, the stream works on cpu:0");
  expect_error([&] { (void)Tensor(meta, {8}, DType::float32).data<float>(); },
               "[tensor] on meta has no data: a kernel ran outside run_on");
}

TEST(Tape, ErrorsOfTheWayBackNameTheOp) {
  Stream stream = Stream::cpu();
  Tape tape(stream);
  const auto w = random_parameter(stream, "model.w", {4, 4}, 1);  // in no ParameterSet
  const Var y = ag::linear(tape, tape.leaf(random_tensor(stream, {2, 4}, 2)), w);
  expect_error(
      [&] {
        tape.backward(y.slot(), random_tensor(stream, {2, 4}, 3));
      },
      "[backward of linear] [autograd] model.w has no gradient buffer: build a ParameterSet of it first");
  Tape other(stream);
  expect_error([&] { (void)other.take_gradient(y.slot()); }, "[autograd] not a leaf of this tape");
}

TEST(ParameterSet, IsOneBufferDecayedFirstEachOnce) {
  Stream stream = Stream::cpu();
  const auto norm = random_parameter(stream, "norm", {5}, 1), tied = random_parameter(stream, "tied", {3, 7}, 2),
             frozen = random_parameter(stream, "frozen", {4}, 3, false), a = random_parameter(stream, "a", {16}, 4);
  norm->decay = false;
  const std::vector<double> values = tied->value.to_host<double>();
  ag::ParameterSet set(stream, {norm, tied, frozen, tied, a});
  EXPECT_EQ(set.trainable(), (std::vector<ParameterPtr>{tied, a, norm}));
  EXPECT_EQ(set.decay_end(), 32 + 16);  // 21 elements take 32
  EXPECT_EQ(set.values().elements(), 32 + 16 + 16);
  EXPECT_EQ(tied->value.to_host<double>(), values);
  kernels::fill(stream, tied->grad, 2);
  const std::vector<double> gradients = set.gradients().to_host<double>();
  for (size_t i = 0; i < gradients.size(); ++i) EXPECT_EQ(gradients[i], i < 21 ? 2 : 0);
  EXPECT_FALSE(frozen->grad);
  set.clear_gradients(stream);
  EXPECT_EQ(set.gradients().to_host<double>(), std::vector<double>(64));
}

// Rounded once, where each parameter lies in the set; gone afterwards. With the values' own type nothing is made.
TEST(ParameterSet, IsNarrowedForAWhile) {
  Stream stream = Stream::cpu();
  const auto a = random_parameter(stream, "a", {3, 7}, 1, true, DType::float32),
             b = random_parameter(stream, "b", {16}, 2, true, DType::float32);
  ag::ParameterSet set(stream, {a, b});
  {
    const ag::NarrowedParameters narrowed(stream, set, DType::bfloat16);
    for (const ParameterPtr& p : {a, b}) {
      ASSERT_EQ(p->narrowed.shape(), p->value.shape());
      EXPECT_EQ(p->narrowed.dtype(), DType::bfloat16);
      const std::vector<float> wide = p->value.to_host<float>();
      const std::vector<bfloat16> narrow = p->narrowed.to_host<bfloat16>();
      for (size_t i = 0; i < wide.size(); ++i) EXPECT_EQ(narrow[i].bits, bfloat16(wide[i]).bits);
    }
  }
  EXPECT_FALSE(a->narrowed);
  const ag::NarrowedParameters same(stream, set, DType::float32);
  EXPECT_FALSE(b->narrowed);
}

}  // namespace
}  // namespace hone::test
