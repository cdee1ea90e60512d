// What a step of AdamW multiplies by, on the CPU; step.cuh has the same for CUDA.
#pragma once
#include <algorithm>
#include <cmath>

#include "kernels/adamw/adamw.h"

namespace hone::kernels {

struct StepFactors {
  bool taken;  // else the totals are not finite or there is no target, and nothing changes
  double scale, step_size, root;
};
// Counts the step in `steps` where it is taken.
inline StepFactors step_factors(double& steps, const double* totals, const AdamW& options, double rate) {
  const double targets = totals[kTargets], squares = totals[kGradientSquares];
  if (!(targets > 0) || !std::isfinite(totals[kLoss]) || !std::isfinite(squares)) return {false, 0, 0, 0};
  const double step = steps += 1, norm = std::sqrt(squares) / targets;
  return {.taken = true,
          .scale = std::min(1.0, options.max_norm / (norm + 1e-6)) / targets,
          .step_size = rate / (1 - std::pow(options.beta1, step)),
          .root = std::sqrt(1 - std::pow(options.beta2, step))};
}

}  // namespace hone::kernels
