// What is left to choose from, beside transformers (tests/golden/golden_sampling.py), and how the choice is drawn.
#include "trainer/generation/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "kernels/host/error.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"
#include "tests/support/tolerances.h"

namespace hone::trainer {
namespace {

SamplingOptions options_of(const Json& settings) {
  return {.temperature = settings.value("temperature", 1.0),
          .top_p = settings.value("top_p", 1.0),
          .top_k = settings.value("top_k", int64_t(0)),
          .min_p = settings.value("min_p", 0.0),
          .repetition_penalty = settings.value("repetition_penalty", 1.0)};
}

TEST(Sampling, LeavesWhatTransformersLeaves) {
  const Json cases = read_json(test::golden("sampling/sampling.json")).at("cases");
  ASSERT_GE(cases.size(), 20u);
  for (const Json& one : cases) {
    const auto logits = one.at("logits").get<std::vector<double>>();
    const auto text = one.at("text").get<std::vector<int32_t>>();
    SamplingOptions options = options_of(one.at("settings"));
    const Candidates kept = candidates(logits, options, text);
    std::vector<int32_t> sorted = kept.ids;
    std::ranges::sort(sorted);
    const auto expected = one.at("ids").get<std::vector<int32_t>>();
    ASSERT_EQ(sorted, expected) << one.at("settings");
    std::vector<double> probabilities(kept.ids.size());
    for (size_t i = 0; i < kept.ids.size(); ++i)
      probabilities[size_t(std::ranges::lower_bound(sorted, kept.ids[i]) - sorted.begin())] = kept.probabilities[i];
    EXPECT_LT(test::relative_error(probabilities, one.at("probabilities").get<std::vector<double>>()), test::kFloat64)
        << one.at("settings");
    EXPECT_TRUE(std::ranges::is_sorted(kept.probabilities, std::greater()));
    options.temperature = 0;
    EXPECT_EQ(choose_token(logits, options, text), one.at("likeliest").get<int32_t>()) << one.at("settings");
  }
}

TEST(Sampling, DrawsByProbabilityAndRepeatsItself) {
  const std::vector<double> logits{1, 3, 2, -1, 2.5, 0};
  const SamplingOptions options{.temperature = 1, .top_k = 4};
  const Candidates kept = candidates(logits, options, {});
  std::map<int32_t, int> drawn;
  constexpr int kDraws = 4000;
  std::vector<int32_t> text;
  for (int i = 0; i < kDraws; ++i) {
    text.push_back(0);
    const int32_t token = choose_token(logits, options, text);
    EXPECT_EQ(token, choose_token(logits, options, text));
    ++drawn[token];
  }
  ASSERT_EQ(kept.ids, (std::vector<int32_t>{1, 4, 2, 0}));
  for (size_t i = 0; i < kept.ids.size(); ++i) {
    const double p = kept.probabilities[i], deviation = std::sqrt(p * (1 - p) / kDraws);
    EXPECT_NEAR(double(drawn[kept.ids[i]]) / kDraws, p, 4 * deviation) << kept.ids[i];
  }
  EXPECT_EQ(drawn.size(), 4u);
}

TEST(Sampling, RefusesLogitsThatAreNoNumbers) {
  try {
    choose_token({0, std::numeric_limits<double>::quiet_NaN()}, {}, {});
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::numerical);
  }
}

}  // namespace
}  // namespace hone::trainer
