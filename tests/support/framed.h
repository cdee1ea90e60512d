// What tests of kernels are made of: values in double, tensors inside a frame of guards, the same call on 1 and 2
// threads or again on a GPU.
#pragma once
#include <gtest/gtest.h>

#include <functional>

#include "kernels/core/tensor.h"
#include "tests/support/tolerances.h"

namespace hone::test {

using Values = std::vector<double>;

Values random_values(int64_t count, uint64_t seed, double from = -1, double to = 1);
// Any tensor's elements as doubles; any doubles as a tensor, rounded to its type.
Values values_of(const Tensor&);
Tensor tensor_of(Stream&, const Shape&, const Values&, DType);
Values rounded_to(DType, Values);
// kFloat32, kFloat64, kBfloat16.
double tolerance_of(DType);

// A tensor whose memory lies between guards: 64 elements before and behind, and `pad` of them behind each row. Filled
// with `values` where given, else with a value that shows where nothing was written.
class Framed {
 public:
  static constexpr double kGuard = 12345, kUnwritten = -54321;
  Framed(Stream&, const Shape&, DType, int64_t pad = 0, const Values& values = {});
  Tensor& operator*() { return view_; }
  Tensor* operator->() { return &view_; }
  Values values() const { return values_of(view_); }
  bool intact() const;

 private:
  Tensor all_, view_;
  int64_t first_, pad_;
};

// What `op` gives on one thread, after checking that two give the same bits.
Values on_threads(const std::function<Values(Stream&)>& op);
// The same on this stream's device; where that is no CPU, after checking that a second time gives the same bits.
Values on_device(Stream&, const std::function<Values(Stream&)>& op);

}  // namespace hone::test
