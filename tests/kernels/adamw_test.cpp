// AdamW beside torch.optim.AdamW (tests/golden/adamw); clipping, division by the targets, steps that change nothing.
#include "kernels/adamw/adamw.h"

#include <algorithm>
#include <cmath>

#include "kernels/host/json.h"
#include "tests/support/devices.h"
#include "tests/support/environment.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

using Options = kernels::AdamW;

class AdamW : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, AdamW, each_device(), device_name);

Values numbers(const Json& list) { return list.get<Values>(); }

struct State {
  State(Stream& stream, const Values& start, DType dtype)
      : values(stream, {int64_t(start.size())}, dtype, 0, start),
        first(stream, {int64_t(start.size())}, dtype, 0, Values(start.size())),
        second(stream, {int64_t(start.size())}, dtype, 0, Values(start.size())),
        steps(Tensor::from<double>(stream, {1}, {0})) {}
  // One step from sums over `targets` targets, which lie `offset` elements from where vectors can be loaded.
  void step(Stream& stream, const Values& gradients, double loss, double targets, const Options& options, double rate,
            int64_t decay_end, int64_t offset = 0) {
    Values all(size_t(offset) + gradients.size(), NAN);
    std::ranges::copy(gradients, all.begin() + offset);
    const Tensor g =
        tensor_of(stream, {int64_t(all.size())}, all, values->dtype()).flat_range(offset, {int64_t(gradients.size())});
    Tensor totals = Tensor::from<double>(stream, {kernels::kTotals}, {loss, targets, -1});
    kernels::gradient_squares(stream, totals, g);
    double squares = 0;
    for (const double v : gradients) squares += v * v;
    const double measured = totals.to_host<double>()[kernels::kGradientSquares];
    if (std::isfinite(squares)) {
      EXPECT_LT(std::abs(measured - squares), kFloat64 * squares);
    } else {
      EXPECT_FALSE(std::isfinite(measured));
    }
    kernels::adamw(stream, *values, *first, *second, steps, g, totals, options, rate, decay_end);
  }
  Framed values, first, second;
  Tensor steps;
};

TEST_P(AdamW, EqualsTorch) {
  const Json golden_file = read_json(golden("adamw") / "steps.json");
  for (const Json& c : golden_file.at("cases"))
    for (const DType dtype : {DType::float32, DType::float64})
      on_device(stream(), [&](Stream& stream) {
        const Options options{.beta1 = c.at("betas")[0],
                              .beta2 = c.at("betas")[1],
                              .eps = c.at("epsilon"),
                              .decay = c.at("weight_decay"),
                              .max_norm = 1e30};
        const Values start = numbers(c.at("start"));
        State state(stream, start, dtype);
        for (size_t step = 0; step < c.at("gradients").size(); ++step) {
          // 3 targets and gradients 3 times as large: one division.
          Values sums = numbers(c.at("gradients")[step]);
          for (double& v : sums) v *= 3;
          state.step(stream, sums, 1, 3, options, c.at("learning_rate"), int64_t(start.size()));
          EXPECT_LT(relative_error(state.values.values(), numbers(c.at("values")[step])), tolerance_of(dtype))
              << "step " << step;
        }
        EXPECT_LT(relative_error(state.first.values(), numbers(c.at("first_moment"))), tolerance_of(dtype));
        EXPECT_LT(relative_error(state.second.values(), numbers(c.at("second_moment"))), tolerance_of(dtype));
        EXPECT_TRUE(state.values.intact() && state.first.intact() && state.second.intact());
        EXPECT_EQ(state.steps.to_host<double>()[0], double(c.at("gradients").size()));
        return state.values.values();
      });
}

// Sizes on both sides of a thread's 4096 and of a vector; the end of decay inside, before and behind a piece.
TEST_P(AdamW, ClipsByTheGlobalNormAndDecaysOnlyWhatItShould) {
  for (const int64_t n : {1, 31, 4095, 4096, 4097, 9000})
    for (const DType dtype : {DType::float32, DType::float64})
      for (const double max_norm : {0.5, 1e6})
        for (const int64_t decay_end : {int64_t(0), n / 2 + 1, std::min<int64_t>(n, 4096), n}) {
          SCOPED_TRACE(joined(n, ", ", dtype, ", max_norm ", max_norm, ", decay_end ", decay_end));
          const Values start = rounded_to(dtype, random_values(n, 1)),
                       sums = rounded_to(dtype, random_values(n, 2, -4, 4));
          const Options options{.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .decay = 0.25, .max_norm = max_norm};
          const double targets = 7, rate = 0.01;
          double squares = 0;
          for (const double g : sums) squares += g / targets * (g / targets);
          const double clip = std::min(1.0, max_norm / (std::sqrt(squares) + 1e-6));
          Values expected(n), moment(n);
          for (int64_t i = 0; i < n; ++i) {
            const double g = sums[i] / targets * clip;
            expected[i] =
                start[i] * (i < decay_end ? 1 - rate * 0.25 : 1) - rate * g / (std::abs(g) + 1e-8);  // the first step
            moment[i] = 0.1 * g;
          }
          on_device(stream(), [&](Stream& stream) {
            State state(stream, start, dtype);
            state.step(stream, sums, 1, targets, options, rate, decay_end, decay_end % 2);
            EXPECT_LT(relative_error(state.values.values(), expected), tolerance_of(dtype));
            EXPECT_LT(relative_error(state.first.values(), moment), tolerance_of(dtype));
            EXPECT_TRUE(state.values.intact() && state.first.intact() && state.second.intact());
            return state.values.values();
          });
        }
}

TEST_P(AdamW, AStepThatIsNotFiniteOrHasNoTargetChangesNothing) {
  const Values start{1, 2, 3};
  State state(stream(), start, DType::float32);
  state.step(stream(), {0.5, 0.5, NAN}, 1, 1, {}, 0.1, 3);
  state.step(stream(), {0.5, 0.5, INFINITY}, 1, 1, {}, 0.1, 3);
  state.step(stream(), {0.5, 0.5, 0.5}, NAN, 1, {}, 0.1, 3);
  state.step(stream(), {0.5, 0.5, 0.5}, 1, 0, {}, 0.1, 3);
  EXPECT_EQ(state.values.values(), start);
  EXPECT_EQ(state.first.values(), Values(3));
  EXPECT_EQ(state.steps.to_host<double>()[0], 0);
  state.step(stream(), {0.5, 0.5, 0.5}, 1, 1, {}, 0.1, 3);
  EXPECT_NE(state.values.values(), start);
  EXPECT_EQ(state.steps.to_host<double>()[0], 1);
}

TEST_P(AdamW, SquaresThatAreNoFloat32AreAddedUp) {
  const Values gradients{1e20, -3e25, 1e-30};
  Tensor totals = Tensor::from<double>(stream(), {kernels::kTotals}, {0, 0, 0});
  kernels::gradient_squares(stream(), totals, tensor_of(stream(), {3}, gradients, DType::float32));
  EXPECT_LT(std::abs(totals.to_host<double>()[kernels::kGradientSquares] / (9e50 + 1e40) - 1), kFloat32);
}

TEST_P(AdamW, PlannedBytesAreTheMeasured) {
  const auto peak = [](Stream& stream) {
    State state(stream, Values(9000), DType::float32);
    const Tensor gradients(stream, {9000}, DType::float32);
    Tensor totals(stream, {kernels::kTotals}, DType::float64);
    kernels::gradient_squares(stream, totals, gradients);
    kernels::adamw(stream, *state.values, *state.first, *state.second, state.steps, gradients, totals, {}, 0.1, 4000);
    return stream.allocator()->usage().peak;
  };
  Stream meta = Stream::meta(stream().target());
  EXPECT_EQ(peak(meta), peak(stream()));
}

TEST_P(AdamW, TotalsAddLossesAndTargets) {
  Tensor totals = Tensor::from<double>(stream(), {kernels::kTotals}, {0, 0, 0});
  for (const DType dtype : {DType::float32, DType::float64})
    kernels::add_to_totals(stream(), totals, tensor_of(stream(), {1}, {1.5}, dtype), 7);
  EXPECT_EQ(values_of(totals), (Values{3, 14, 0}));
}

}  // namespace
}  // namespace hone::test
