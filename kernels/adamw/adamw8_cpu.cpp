#include "kernels/adamw/adamw8.h"
#include "kernels/adamw/step.h"
#include "kernels/core/lanes.h"

namespace hone::kernels::cpu {

namespace {
// The part of a moment's tensors that a block is.
struct Block {
  uint8_t* codes;
  float* absmax;
  void widen(float* to, int64_t n, const MomentMap& map) const {
    for (int64_t i = 0; i < n; ++i) to[i] = map.map[codes[i]] * *absmax;
  }
  void narrow(const float* from, int64_t n, const MomentMap& map) const {
    const float largest = *absmax = largest_of(n, 0.0f, [&](int64_t i) { return std::abs(from[i]); });
    for (int64_t i = 0; i < n; ++i) codes[i] = dynamic_code(map.tree.data(), from[i] / largest);  // all 0: code 0
  }
};
}  // namespace

void adamw8(Stream& stream, Tensor& values, Moment8& first, Moment8& second, Tensor& steps, Tensor&,
            const Tensor& gradients, const Tensor& totals, const AdamW& options, double rate, int64_t decay_end) {
  const StepFactors factors = step_factors(*steps.data<double>(), totals.data<double>(), options, rate);
  if (!factors.taken) return;
  const auto beta1 = float(options.beta1), beta2 = float(options.beta2), rest1 = float(1 - options.beta1),
             rest2 = float(1 - options.beta2), by = float(factors.scale), step_size = float(factors.step_size),
             root = float(factors.root), eps = float(options.eps);
  const MomentMap &signed_map = first_moment_map(), &unsigned_map = second_moment_map();
  const auto block_of = [](Moment8& moment, int64_t b) {
    return Block{moment.codes.data<uint8_t>() + b * kMomentBlock, moment.absmax.data<float>() + b};
  };
  stream.parallel(values.elements(), 16 * kMomentBlock, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += kMomentBlock) {
      const int64_t n = std::min(kMomentBlock, end - at), decayed = std::clamp<int64_t>(decay_end - at, 0, n);
      float* const p = values.data<float>() + at;
      const float* const g = gradients.data<float>() + at;
      const Block one = block_of(first, at / kMomentBlock), two = block_of(second, at / kMomentBlock);
      float m[kMomentBlock], v[kMomentBlock];
      one.widen(m, n, signed_map), two.widen(v, n, unsigned_map);
      const auto update = [&](int64_t from, int64_t to, float keep) {
        for (int64_t i = from; i < to; ++i) {
          const float gradient = g[i] * by;
          m[i] = beta1 * m[i] + rest1 * gradient;
          v[i] = beta2 * v[i] + rest2 * gradient * gradient;
          p[i] = p[i] * keep - step_size * m[i] / (std::sqrt(v[i]) / root + eps);
        }
      };
      update(0, decayed, float(1 - rate * options.decay)), update(decayed, n, 1);
      one.narrow(m, n, signed_map), two.narrow(v, n, unsigned_map);
    }
  });
}

}  // namespace hone::kernels::cpu
