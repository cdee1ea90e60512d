#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/adamw/adamw.h"
#include "kernels/adamw/step.h"
#include "kernels/core/lanes.h"

namespace hone::kernels::cpu {

void add_to_totals(Stream&, Tensor& totals, const Tensor& loss, int64_t targets) {
  visit_float(loss.dtype(), [&]<class T>() { totals.data<double>()[kLoss] += double(loss.data<T>()[0]); });
  totals.data<double>()[kTargets] += double(targets);
}

void gradient_squares(Stream& stream, Tensor& totals, Tensor& partials, const Tensor& gradients) {
  visit_float(gradients.dtype(), [&]<class T>() {
    const T* const g = gradients.data<T>();
    stream.parallel(gradients.elements(), kSquaresPerSum, [&](int64_t begin, int64_t end) {
      const T* const piece = g + begin;
      partials.data<double>()[begin / kSquaresPerSum] =
          sum_of<double>(end - begin, [&](int64_t i) { return double(piece[i]) * double(piece[i]); });
    });
  });
  totals.data<double>()[kGradientSquares] =
      std::accumulate(partials.data<double>(), partials.data<double>() + partials.elements(), 0.0);
}

void adamw(Stream& stream, Tensor& values, Tensor& first, Tensor& second, Tensor& steps, Tensor&,
           const Tensor& gradients, const Tensor& totals, const AdamW& options, double rate, int64_t decay_end) {
  const StepFactors factors = step_factors(*steps.data<double>(), totals.data<double>(), options, rate);
  if (!factors.taken) return;
  visit_float(values.dtype(), [&]<class T>() {
    const T beta1 = T(options.beta1), beta2 = T(options.beta2), rest1 = T(1 - options.beta1),
            rest2 = T(1 - options.beta2);
    const T by = T(factors.scale), step_size = T(factors.step_size), root = T(factors.root), eps = T(options.eps);
    T *const p = values.data<T>(), *const m = first.data<T>(), *const v = second.data<T>();
    const T* const g = gradients.data<T>();
    const auto update = [=](int64_t begin, int64_t end, T keep) {
      for (int64_t i = begin; i < end; ++i) {
        const T gradient = g[i] * by;
        m[i] = beta1 * m[i] + rest1 * gradient;
        v[i] = beta2 * v[i] + rest2 * gradient * gradient;
        p[i] = p[i] * keep - step_size * m[i] / (std::sqrt(v[i]) / root + eps);
      }
    };
    stream.parallel(values.elements(), 4096, [&](int64_t begin, int64_t end) {
      const int64_t decayed = std::clamp(decay_end, begin, end);
      update(begin, decayed, T(1 - rate * options.decay));
      update(decayed, end, T(1));
    });
  });
}

}  // namespace hone::kernels::cpu
