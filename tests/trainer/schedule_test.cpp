// Learning-rate schedules beside the numbers transformers tests its own with.
#include "trainer/optim/schedule.h"

#include <gtest/gtest.h>

#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

using trainer::Schedule;

void expect_rates(const Json& published, Schedule schedule, int64_t warmup) {
  const auto rates = published.get<std::vector<double>>();
  ASSERT_EQ(rates.size(), 10u);
  for (size_t step = 0; step < rates.size(); ++step)
    EXPECT_NEAR(
        trainer::rate_at({.schedule = schedule, .peak = 10, .warmup_steps = warmup, .total_steps = 10}, int64_t(step)),
        rates[step], 0.01)
        << "step " << step;
}

TEST(Schedule, EqualsPublishedNumbers) {
  HONE_NEEDS_FIXTURES();
  const Json tables = read_json(*fixtures() / "reference_tables.json").at("lr_schedules");
  expect_rates(tables.at("constant"), Schedule::constant, 0);
  expect_rates(tables.at("constant_with_warmup(4)"), Schedule::constant, 4);
  expect_rates(tables.at("linear(warmup 2,total 10)"), Schedule::linear, 2);
  expect_rates(tables.at("cosine(warmup 2,total 10)"), Schedule::cosine, 2);
}

// Every step of many runs, warm-ups of nothing, of all and of more than all steps included (tests/golden/README.md).
TEST(Schedule, EqualsTransformersStepByStep) {
  const Json file = read_json(golden("schedules/schedules.json"));
  int compared = 0;
  for (const Json& one : file.at("schedules")) {
    const std::string name = one.at("lr_scheduler").get<std::string>();
    const trainer::RateOptions options{.schedule = name == "cosine"   ? Schedule::cosine
                                                   : name == "linear" ? Schedule::linear
                                                                      : Schedule::constant,
                                       .peak = one.at("learning_rate").get<double>(),
                                       .warmup_steps = one.at("warmup_steps").get<int64_t>(),
                                       .total_steps = one.at("max_steps").get<int64_t>()};
    int64_t step = 0;
    for (const Json& value : one.at("values")) {
      EXPECT_NEAR(trainer::rate_at(options, step), value.get<double>(), 1e-15) << one.dump() << " step " << step;
      ++step, ++compared;
    }
  }
  EXPECT_GT(compared, 100);
}

TEST(Schedule, WarmupShareIsRoundedUp) {
  EXPECT_EQ(trainer::warmup_steps_of(0.03, 100), 3);
  EXPECT_EQ(trainer::warmup_steps_of(0.03, 101), 4);
  EXPECT_EQ(trainer::warmup_steps_of(0, 7), 0);
}

}  // namespace
}  // namespace hone::test
