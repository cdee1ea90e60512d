#include "trainer/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hone::trainer {

double rate_at(const RateOptions& options, int64_t step) {
  const double warmup = double(options.warmup_steps), total = double(options.total_steps), at = double(step);
  if (at < warmup) return options.peak * at / std::max(1.0, warmup);
  const double rest = std::max(1.0, total - warmup);
  switch (options.schedule) {
    case Schedule::constant:
      return options.peak;
    case Schedule::linear:
      return options.peak * std::max(0.0, (total - at) / rest);
    case Schedule::cosine:
      return options.peak * std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * (at - warmup) / rest)));
  }
  return options.peak;
}

int64_t warmup_steps_of(double ratio, int64_t total_steps) { return int64_t(std::ceil(ratio * double(total_steps))); }

}  // namespace hone::trainer
