// The middle of some values, the upper one of an even number: a figure that one disturbed measurement does not move.
//   const double seconds = median(times);      // 0 of none
#pragma once
#include <algorithm>
#include <vector>

namespace hone {

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace hone
