// AdamW (Loshchilov and Hutter 2019, as torch.optim.AdamW) over flat buffers, and the totals it reads on the device.
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

// A step's totals, float64 (kTotals), on the device.
enum Total { kLoss, kTargets, kGradientSquares, kTotals };
// Adds loss (1) and the number of its targets.
void add_to_totals(Stream&, Tensor& totals, const Tensor& loss, int64_t targets);
// Overwrites totals[kGradientSquares] with the sum of the squares of `gradients`, float32 or float64, in a fixed order:
// that of kSquaresPerSum at a time, then that of those sums.
inline constexpr int64_t kSquaresPerSum = 4096;
void gradient_squares(Stream&, Tensor& totals, const Tensor& gradients);

struct AdamW {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, decay = 0, max_norm = 1;
};
// Divides by the targets and clips by the global norm. values, their moments and gradients (n), all float32 or all
// float64. `steps` (1) float64 counts the steps taken: on the device, because a step whose totals are not finite or
// have no target changes nothing, and the host does not wait to know. Elements from decay_end on are not decayed.
void adamw(Stream&, Tensor& values, Tensor& first, Tensor& second, Tensor& steps, const Tensor& gradients,
           const Tensor& totals, const AdamW&, double rate, int64_t decay_end);

}  // namespace hone::kernels
