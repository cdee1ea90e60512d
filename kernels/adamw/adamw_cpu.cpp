#include "kernels/adamw/adamw.h"

#include <cmath>
#include <numeric>

namespace hone::kernels::cpu {

void add_to_totals(Stream&, Tensor& totals, const Tensor& loss, int64_t targets) {
  visit_float(loss.dtype(), [&]<class T>() { totals.data<double>()[kLoss] += double(loss.data<T>()[0]); });
  totals.data<double>()[kTargets] += double(targets);
}

void gradient_squares(Stream& stream, Tensor& totals, Tensor& partials, const Tensor& gradients) {
  visit_float(gradients.dtype(), [&]<class T>() {
    const T* const g = gradients.data<T>();
    stream.parallel(gradients.elements(), 4096, [&](int64_t begin, int64_t end) {
      double sum = 0;
      for (int64_t i = begin; i < end; ++i) sum += double(g[i]) * double(g[i]);
      partials.data<double>()[begin / 4096] = sum;
    });
  });
  totals.data<double>()[kGradientSquares] =
      std::accumulate(partials.data<double>(), partials.data<double>() + partials.elements(), 0.0);
}

void adamw(Stream& stream, Tensor& values, Tensor& first, Tensor& second, Tensor& steps, const Tensor& gradients,
           const Tensor& totals, const AdamW& options, double rate, int64_t decay_end) {
  const double* const t = totals.data<double>();
  if (!(t[kTargets] > 0) || !std::isfinite(t[kLoss]) || !std::isfinite(t[kGradientSquares])) return;
  const double step = steps.data<double>()[0] += 1, norm = std::sqrt(t[kGradientSquares]) / t[kTargets];
  const double scale = std::min(1.0, options.max_norm / (norm + 1e-6)) / t[kTargets];
  const double correct1 = 1 - std::pow(options.beta1, step), correct2 = std::sqrt(1 - std::pow(options.beta2, step));
  visit_float(values.dtype(), [&]<class T>() {
    T *const p = values.data<T>(), *const m = first.data<T>(), *const v = second.data<T>();
    const T* const g = gradients.data<T>();
    stream.parallel(values.elements(), 4096, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T gradient = g[i] * T(scale);
        m[i] = T(options.beta1) * m[i] + T(1 - options.beta1) * gradient;
        v[i] = T(options.beta2) * v[i] + T(1 - options.beta2) * gradient * gradient;
        const T kept = i < decay_end ? p[i] * T(1 - rate * options.decay) : p[i];
        p[i] = kept - T(rate / correct1) * m[i] / (std::sqrt(v[i]) / T(correct2) + T(options.eps));
      }
    });
  });
}

}  // namespace hone::kernels::cpu
