// The host waits for nothing here: what a step multiplies by is made on the device (step.cuh).
#include "kernels/adamw/step.cuh"

namespace hone::kernels::cuda {

template <class T>
__global__ void add_to_totals_kernel(double* totals, const T* loss, double targets) {
  if (threadIdx.x > 0) return;
  totals[kLoss] += double(*loss);
  totals[kTargets] += targets;
}

// A block adds up kSquaresPerSum gradients. In double from the first square on: the squares of a float32 may be no
// float32.
template <class T, int count>
__global__ void __launch_bounds__(kAdamWThreads)
    gradient_squares_kernel(double* partials, const T* gradients, int64_t elements) {
  SharedMemory shared;
  double* const warps = shared.array<double>(kAdamWThreads / 32);
  const int64_t first = int64_t(blockIdx.x) * kSquaresPerSum + threadIdx.x * count;
  double sum = 0;
#pragma unroll 4
  for (int i = 0; i < kSquaresPerSum; i += kAdamWThreads * count) {
    const Vector<T, count> g = load_within<count>(gradients, first + i, elements);
#pragma unroll
    for (int j = 0; j < count; ++j) sum += double(g.value[j]) * double(g.value[j]);
  }
  sum = block_sum<kAdamWThreads>(sum, warps);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kAdamWThreads)
    gradient_squares_sum_kernel(double* totals, const double* partials, int64_t count) {
  SharedMemory shared;
  double* const warps = shared.array<double>(kAdamWThreads / 32);
  double sum = 0;
#pragma unroll 8
  for (int64_t i = threadIdx.x; i < count; i += kAdamWThreads) sum += partials[i];
  sum = block_sum<kAdamWThreads>(sum, warps);
  if (threadIdx.x == 0) totals[kGradientSquares] = sum;
}

template <class T>
struct AdamWStep {
  T *values, *first, *second;
  const T *gradients, *factors;
  int64_t elements, decay_end;
  T beta1, beta2, rest1, rest2, eps, keep;
};

template <class T, int count>
__global__ void __launch_bounds__(kAdamWThreads) adamw_kernel(const __grid_constant__ AdamWStep<T> p) {
  const int64_t i = (int64_t(blockIdx.x) * kAdamWThreads + threadIdx.x) * count;
  if (i >= p.elements || p.factors[kTaken] == 0) return;
  Vector<T, count> v = load_within<count>(p.values, i, p.elements), m = load_within<count>(p.first, i, p.elements),
                   s = load_within<count>(p.second, i, p.elements);
  const Vector<T, count> g = load_within<count>(p.gradients, i, p.elements);
  const T scale = p.factors[kScale], step_size = p.factors[kStepSize], root = p.factors[kRoot];
#pragma unroll
  for (int j = 0; j < count; ++j) {
    const T gradient = g.value[j] * scale;
    m.value[j] = p.beta1 * m.value[j] + p.rest1 * gradient;
    s.value[j] = p.beta2 * s.value[j] + p.rest2 * gradient * gradient;
    const T keep = i + j < p.decay_end ? p.keep : T(1);
    v.value[j] = v.value[j] * keep - step_size * m.value[j] / (std::sqrt(s.value[j]) / root + p.eps);
  }
  store_within(p.values, i, p.elements, v);
  store_within(p.first, i, p.elements, m);
  store_within(p.second, i, p.elements, s);
}

void add_to_totals(Stream& stream, Tensor& totals, const Tensor& loss, int64_t targets) {
  visit_float(loss.dtype(), [&]<class T>() {
    launch(stream, add_to_totals_kernel<T>, {1}, {32}, 0, totals.data<double>(), loss.data<T>(), double(targets));
  });
}

void gradient_squares(Stream& stream, Tensor& totals, Tensor& partials, const Tensor& gradients) {
  visit_float(gradients.dtype(), [&]<class T>() {
    const T* const g = gradients.data<T>();
    const bool vectors = is_aligned(g, 16);
    launch(stream, vectors ? gradient_squares_kernel<T, 16 / sizeof(T)> : gradient_squares_kernel<T, 1>,
           {partials.elements()}, {kAdamWThreads}, shared_bytes<double>(kAdamWThreads / 32), partials.data<double>(), g,
           gradients.elements());
  });
  launch(stream, gradient_squares_sum_kernel, {1}, {kAdamWThreads}, shared_bytes<double>(kAdamWThreads / 32),
         totals.data<double>(), partials.data<double>(), partials.elements());
}

void adamw(Stream& stream, Tensor& values, Tensor& first, Tensor& second, Tensor& steps, Tensor& factors,
           const Tensor& gradients, const Tensor& totals, const AdamW& options, double rate, int64_t decay_end) {
  visit_float(values.dtype(), [&]<class T>() {
    start_factors<T>(stream, factors, steps, totals, options, rate);
    const AdamWStep<T> p{.values = values.data<T>(),
                         .first = first.data<T>(),
                         .second = second.data<T>(),
                         .gradients = gradients.data<T>(),
                         .factors = factors.data<T>(),
                         .elements = values.elements(),
                         .decay_end = decay_end,
                         .beta1 = T(options.beta1),
                         .beta2 = T(options.beta2),
                         .rest1 = T(1 - options.beta1),
                         .rest2 = T(1 - options.beta2),
                         .eps = T(options.eps),
                         .keep = T(1 - rate * options.decay)};
    const bool vectors =
        is_aligned(p.values, 16) && is_aligned(p.first, 16) && is_aligned(p.second, 16) && is_aligned(p.gradients, 16);
    const int64_t threads = vectors ? (p.elements + 16 / sizeof(T) - 1) / (16 / sizeof(T)) : p.elements;
    launch(stream, vectors ? adamw_kernel<T, 16 / sizeof(T)> : adamw_kernel<T, 1>,
           {(threads + kAdamWThreads - 1) / kAdamWThreads}, {kAdamWThreads}, 0, p);
  });
}

}  // namespace hone::kernels::cuda
