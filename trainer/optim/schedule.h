// Learning-rate schedules, step by step those of transformers' get_scheduler (constant_with_warmup, linear, cosine).
#pragma once
#include <cstdint>

namespace hone::trainer {

enum class Schedule { cosine, linear, constant };

struct RateOptions {
  Schedule schedule = Schedule::cosine;
  double peak = 2e-4;
  int64_t warmup_steps = 0, total_steps = 1;
};
// The rate of optimiser step `step`, counted from 0. With a warm-up the first step's rate is 0.
double rate_at(const RateOptions&, int64_t step);

// Warm-up from a share of all steps, rounded up as transformers does.
int64_t warmup_steps_of(double ratio, int64_t total_steps);

}  // namespace hone::trainer
