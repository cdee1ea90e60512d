#include "trainer/generation/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/core/random.h"
#include "kernels/host/error.h"

namespace hone::trainer {

namespace {
constexpr uint16_t kSampling = 200;  // what the random numbers are for

void penalise(std::vector<double>& logits, double penalty, std::span<const int32_t> text) {
  std::vector<bool> done(logits.size());
  for (const int32_t id : text) {
    if (id < 0 || size_t(id) >= logits.size() || done[size_t(id)]) continue;
    double& logit = logits[size_t(id)];
    logit = logit < 0 ? logit * penalty : logit / penalty;
    done[size_t(id)] = true;
  }
}
}  // namespace

Candidates candidates(std::vector<double> logits, const SamplingOptions& options, std::span<const int32_t> text) {
  require(std::ranges::none_of(logits, [](double logit) { return std::isnan(logit); }), ExitCode::numerical,
          "[generate] a logit is not a number; the model or the adapter is damaged, or its training diverged");
  if (options.repetition_penalty != 1) penalise(logits, options.repetition_penalty, text);
  if (options.temperature <= 0) return {{int32_t(std::ranges::max_element(logits) - logits.begin())}, {1}};

  Candidates kept;
  kept.ids.resize(logits.size());
  std::iota(kept.ids.begin(), kept.ids.end(), 0);
  if (options.top_k > 0 && options.top_k < int64_t(logits.size())) {
    std::vector<double> sorted = logits;
    const auto last = sorted.begin() + options.top_k - 1;
    std::ranges::nth_element(sorted, last, std::greater());
    std::erase_if(kept.ids, [&, least = *last](int32_t id) { return logits[size_t(id)] < least; });
  }
  double largest = -INFINITY, all = 0, sum = 0;
  for (const int32_t id : kept.ids) largest = std::max(largest, logits[size_t(id)]);
  const auto weight_of = [&](int32_t id) { return std::exp((logits[size_t(id)] - largest) / options.temperature); };
  for (const int32_t id : kept.ids) all += weight_of(id);
  // Sorting a whole vocabulary costs more than all else here. min_p drops most of it before; so does top_p: tokens this
  // unlikely do not reach 1 - top_p all together.
  const double unlikely = (1 - options.top_p) * all / double(kept.ids.size());
  std::erase_if(kept.ids, [&](int32_t id) { return weight_of(id) < std::max(options.min_p, unlikely); });
  std::ranges::stable_sort(kept.ids, [&](int32_t a, int32_t b) { return logits[size_t(a)] > logits[size_t(b)]; });
  std::vector<double>& weights = kept.probabilities;
  for (const int32_t id : kept.ids) weights.push_back(weight_of(id));
  size_t count = 0;
  while (count < weights.size() && (count == 0 || options.top_p >= 1 || sum < options.top_p * all))
    sum += weights[count++];
  kept.ids.resize(count), weights.resize(count);
  for (double& weight : weights) weight /= sum;
  return kept;
}

int32_t choose_token(const std::vector<double>& logits, const SamplingOptions& options, std::span<const int32_t> text) {
  const Candidates kept = candidates(logits, options, text);
  const uint32_t drawn = random_block(RandomKey{.seed = options.seed}.at(0, kSampling), uint32_t(text.size()))[0];
  double left = (drawn + 0.5) / 4294967296.0;
  for (size_t i = 0; i < kept.ids.size(); ++i)
    if ((left -= kept.probabilities[i]) < 0) return kept.ids[i];
  return kept.ids.back();
}

}  // namespace hone::trainer
