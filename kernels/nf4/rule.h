// What every device quantises by, so that all of them make the same bytes.
#pragma once
#include <cstdint>
#include <span>

namespace hone::kernels {

// The float32 midpoints of neighbouring levels. A value's code is the number of them that it is above: one that lies on
// a midpoint goes down, and what is not a number gets code 0.
std::span<const float, 15> nf4_thresholds();

// The mean of `count` scales as float32, from their sums in blocks of kNestedBlock, each made by sum_of<double>: all
// nested codes depend on it, so it is added up in one order.
float nested_offset(std::span<const double> sums, int64_t count);

}  // namespace hone::kernels
