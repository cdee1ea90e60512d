// What both kinds of AdamW are made of on CUDA. A step's factors are made from its totals by one thread, in a launch of
// its own, and read by all: no host waits for the totals, and no thread but one takes powers in double.
#pragma once
#include <cmath>

#include "kernels/adamw/adamw.h"
#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"

namespace hone::kernels::cuda {

constexpr int kAdamWThreads = 256;

// What a step multiplies by, in the type of the values.
enum Factor { kTaken, kScale, kStepSize, kRoot };

template <class T>
__global__ void adamw_factors_kernel(T* factors, double* steps, const double* totals, const AdamW options,
                                     double rate) {
#ifndef MUTANT_ADAMW_ALL_THREADS_COUNT
  if (threadIdx.x > 0) return;
#endif
  const double targets = totals[kTargets], squares = totals[kGradientSquares];
  const bool taken = targets > 0 && std::isfinite(totals[kLoss]) && std::isfinite(squares);
  factors[kTaken] = taken;
  if (!taken) return;
  const double step = *steps += 1, norm = std::sqrt(squares) / targets;
  factors[kScale] = T(fmin(1.0, options.max_norm / (norm + 1e-6)) / targets);
  factors[kStepSize] = T(rate / (1 - pow(options.beta1, step)));
  factors[kRoot] = T(std::sqrt(1 - pow(options.beta2, step)));
}

template <class T>
void start_factors(LaunchOn on, Tensor& factors, Tensor& steps, const Tensor& totals, const AdamW& options,
                   double rate) {
  launch(on, adamw_factors_kernel<T>, {1}, {32}, 0, factors.data<T>(), steps.data<double>(), totals.data<double>(),
         options, rate);
}

// `count` elements from p[first] on, those from `end` on as 0.
template <int count, class T>
__device__ __forceinline__ Vector<T, count> load_within(const T* p, int64_t first, int64_t end) {
  if (first + count <= end) return load_vector<count>(p + first);
  Vector<T, count> v{};
#pragma unroll
  for (int j = 0; j < count; ++j)
    if (first + j < end) v.value[j] = p[first + j];
  return v;
}
template <int count, class T>
__device__ __forceinline__ void store_within(T* p, int64_t first, int64_t end, const Vector<T, count>& v) {
#ifdef MUTANT_ADAMW_WRITES_PAST_THE_END
  return store_vector(p + first, v);
#endif
  if (first + count <= end) return store_vector(p + first, v);
#pragma unroll
  for (int j = 0; j < count; ++j)
    if (first + j < end) p[first + j] = v.value[j];
}

}  // namespace hone::kernels::cuda
