// The one table of tolerances, each with its reason. All are relative: max|a - b| / max|b| of a tensor.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/host/error.h"

namespace hone::test {

// Central differences with step 1e-5 in float64: truncation 1e-10, rounding 1e-16 / 1e-5 = 1e-11, times the size of an
// objective.
inline constexpr double kFiniteDifferences = 2e-8;
// A float64 kernel beside a float64 reference that sums in another order: some hundreds of roundings.
inline constexpr double kFloat64 = 1e-12;
// A float32 kernel beside a float64 reference: some tens of roundings of 6e-8, sums of a few thousand terms.
inline constexpr double kFloat32 = 2e-6;
// The same through a chain of ops (a block, a whole model): roundings of each op add up.
inline constexpr double kFloat32Model = 1e-5;
// A whole model in float64 beside the patched transformers (tests/golden/README.md): both sides round at 1e-16.
inline constexpr double kFloat64Model = 1e-7;
// A loss curve of ten float32 steps beside transformers + peft: each step starts from the other side's rounding.
inline constexpr double kLossCurve = 1e-5;
// A bfloat16 result beside a float64 reference: one rounding of 2^-9 an element, and of each input.
inline constexpr double kBfloat16 = 1e-2;
// A golden model in bfloat16 beside the same in float32: roundings of 2^-9 add up, as they do elsewhere. With
// transformers 5.23 and peft 0.21.2 in bfloat16 the same measure gives up to 5.8 % for logits, 13.5 % for gradients.
inline constexpr double kBfloat16Model = 8e-2, kBfloat16Gradient = 1.5e-1;

template <class A, class B>
double relative_error(const std::vector<A>& a, const std::vector<B>& b) {
  require(a.size() == b.size(), "sizes differ: ", a.size(), " and ", b.size());
  double worst = 0, largest = 1e-300;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(double(a[i]) - double(b[i]));
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    largest = std::max(largest, std::abs(double(b[i])));
  }
  return worst / largest;
}

}  // namespace hone::test
