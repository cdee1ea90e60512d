// A step's sums, on the device: loss, targets, squared gradient norm. Read once a step.
#pragma once
#include <cmath>

#include "kernels/adamw/adamw.h"
#include "kernels/elementwise/elementwise.h"

namespace hone::trainer {

class Totals {
 public:
  struct Read {
    double loss_sum, targets, gradient_norm;  // norm of the mean gradient, before clipping
    bool finite;
  };
  explicit Totals(Stream& stream) : tensor_(stream, {kernels::kTotals}, DType::float64) { clear(stream); }
  void clear(Stream& stream) { kernels::fill(stream, tensor_, 0); }
  void add(Stream& stream, const Tensor& loss, int64_t targets) {
    kernels::add_to_totals(stream, tensor_, loss, targets);
  }
  void measure_gradients(Stream& stream, const Tensor& gradients) {
    kernels::gradient_squares(stream, tensor_, gradients);
  }
  Read read() const {  // the step's one wait for the device
    const std::vector<double> t = tensor_.to_host<double>();
    const double targets = t[kernels::kTargets],
                 norm = std::sqrt(t[kernels::kGradientSquares]) / std::max(1.0, targets);
    return {t[kernels::kLoss], targets, norm, std::isfinite(t[kernels::kLoss]) && std::isfinite(norm)};
  }
  Tensor& tensor() { return tensor_; }
  const Tensor& tensor() const { return tensor_; }

 private:
  Tensor tensor_;
};

}  // namespace hone::trainer
