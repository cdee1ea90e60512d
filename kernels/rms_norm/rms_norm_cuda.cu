// A block walks one row at a time, 16 bytes a thread where the rows are aligned. Sums are made in T: trees of at most
// some tens of terms a thread, so float32 stays within a few roundings of the CPU's sums in double.
#include <cmath>

#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"
#include "kernels/rms_norm/rms_norm.h"

namespace hone::kernels::cuda {

constexpr int kRmsNormThreads = 256;
constexpr size_t kRmsNormShared = shared_bytes<double>(kRmsNormThreads / 32);

// The one place that makes y, for the forward pass and for the remake.
template <class T, int count>
__device__ __forceinline__ Vector<T, count> rms_normalized(const Vector<T, count>& x, T inv_rms, const T* weight) {
  const Vector<T, count> w = load_vector<count>(weight);
  Vector<T, count> y;
#pragma unroll
  for (int j = 0; j < count; ++j) y.value[j] = x.value[j] * inv_rms * w.value[j];
  return y;
}

template <class T>
struct RmsNormRows {
  T *y, *sum;  // sum: written where delta is given
  T* inv_rms;
  const T *x, *delta;  // delta: null for a plain norm
  const T* weight;
  int64_t width, y_stride, sum_stride, x_stride, delta_stride;
  T eps;
};

template <class T, int count>
__global__ void __launch_bounds__(kRmsNormThreads) rms_norm_kernel(const __grid_constant__ RmsNormRows<T> p) {
  SharedMemory shared;
  T* const partial = shared.array<T>(kRmsNormThreads / 32);
  const int64_t row = blockIdx.x;
  const T* x = p.x + row * p.x_stride;
  T squares = 0;
  for (int64_t i = int64_t(threadIdx.x) * count; i < p.width; i += kRmsNormThreads * count) {
    Vector<T, count> v = load_vector<count>(x + i);
    if (p.delta) {
#ifndef MUTANT_RMS_NORM_WRONG_STRIDE
      const Vector<T, count> d = load_vector<count>(p.delta + row * p.delta_stride + i);
#else
      const Vector<T, count> d = load_vector<count>(p.delta + row * p.x_stride + i);
#endif
#pragma unroll
      for (int j = 0; j < count; ++j) v.value[j] += d.value[j];
      store_vector(p.sum + row * p.sum_stride + i, v);
    }
#pragma unroll
    for (int j = 0; j < count; ++j) squares += v.value[j] * v.value[j];
  }
  const T inv_rms = T(1) / std::sqrt(block_sum<kRmsNormThreads>(squares, partial) / T(p.width) + p.eps);
#ifndef MUTANT_RMS_NORM_ALL_THREADS_STORE
  if (threadIdx.x == 0)
#endif
    p.inv_rms[row] = inv_rms;
  if (p.delta) x = p.sum + row * p.sum_stride;  // each thread reads back what it wrote
  for (int64_t i = int64_t(threadIdx.x) * count; i < p.width; i += kRmsNormThreads * count)
    store_vector(p.y + row * p.y_stride + i, rms_normalized(load_vector<count>(x + i), inv_rms, p.weight + i));
}

template <class T, int count>
__global__ void __launch_bounds__(kRmsNormThreads)
    rms_norm_apply_kernel(T* y, int64_t y_stride, const T* x, int64_t x_stride, const T* inv_rms, const T* weight,
                          int64_t width) {
  const int64_t row = blockIdx.x;
  const T scale = inv_rms[row];
  for (int64_t i = int64_t(threadIdx.x) * count; i < width; i += kRmsNormThreads * count)
    store_vector(y + row * y_stride + i, rms_normalized(load_vector<count>(x + row * x_stride + i), scale, weight + i));
}

template <class T>
struct RmsNormGradient {
  T* dx;
  const T *dy, *x, *inv_rms, *weight, *add;  // add: null where nothing is added
  int64_t width, dx_stride, dy_stride, x_stride, add_stride;
};

// dx = inv_rms * (dy * weight - x * inv_rms² * mean(dy * weight * x)) + add
template <class T, int count>
__global__ void __launch_bounds__(kRmsNormThreads)
    rms_norm_input_gradient_kernel(const __grid_constant__ RmsNormGradient<T> p) {
  SharedMemory shared;
  T* const partial = shared.array<T>(kRmsNormThreads / 32);
  const int64_t row = blockIdx.x;
  const T *const dy = p.dy + row * p.dy_stride, *const x = p.x + row * p.x_stride;
  T dot = 0;
  for (int64_t i = int64_t(threadIdx.x) * count; i < p.width; i += kRmsNormThreads * count) {
    const Vector<T, count> g = load_vector<count>(dy + i), w = load_vector<count>(p.weight + i),
                           v = load_vector<count>(x + i);
#pragma unroll
    for (int j = 0; j < count; ++j) dot += g.value[j] * w.value[j] * v.value[j];
  }
  const T scale = p.inv_rms[row];
  const T pull = block_sum<kRmsNormThreads>(dot, partial) / T(p.width) * scale * scale;
  for (int64_t i = int64_t(threadIdx.x) * count; i < p.width; i += kRmsNormThreads * count) {
    const Vector<T, count> g = load_vector<count>(dy + i), w = load_vector<count>(p.weight + i),
                           v = load_vector<count>(x + i);
    Vector<T, count> to{};
    if (p.add) to = load_vector<count>(p.add + row * p.add_stride + i);
#pragma unroll
    for (int j = 0; j < count; ++j) to.value[j] += scale * (g.value[j] * w.value[j] - v.value[j] * pull);
    store_vector(p.dx + row * p.dx_stride + i, to);
  }
}

// One thread a column; blockIdx.x is the chunk of rows, whose sums become one row of `partial`. A pass of its own,
// though it reads dy and x again: with LoRA the norms' weights are frozen, and what is left then reads and writes
// nothing twice.
template <class T>
__global__ void __launch_bounds__(kRmsNormThreads)
    rms_norm_weight_partial_kernel(T* partial, const T* dy, int64_t dy_stride, const T* x, int64_t x_stride,
                                   const T* inv_rms, int64_t rows, int64_t width, int64_t chunk) {
  const int64_t column = int64_t(blockIdx.y) * kRmsNormThreads + threadIdx.x, first = blockIdx.x * chunk;
  if (column >= width) return;
  T sum = 0;
  for (int64_t row = first; row < first + chunk && row < rows; ++row)
    sum += dy[row * dy_stride + column] * x[row * x_stride + column] * inv_rms[row];
  partial[blockIdx.x * width + column] = sum;
}

template <class T>
__global__ void __launch_bounds__(kRmsNormThreads)
    rms_norm_weight_sum_kernel(T* dweight, const T* partial, int64_t chunks, int64_t width) {
  const int64_t column = int64_t(blockIdx.x) * kRmsNormThreads + threadIdx.x;
#ifndef MUTANT_RMS_NORM_PAST_THE_WIDTH
  if (column >= width) return;
#endif
  T sum = dweight[column];
  for (int64_t i = 0; i < chunks; ++i) sum += partial[i * width + column];
  dweight[column] = sum;
}

namespace {
template <class T>
bool aligned(const Rows<T>& rows) {
  return rows_are_aligned(rows.width, rows.stride, rows.data);
}

template <class T>
void start_forward(LaunchOn on, const RmsNormRows<T>& p, int64_t rows, bool vectors) {
  launch(on, vectors ? rms_norm_kernel<T, 16 / sizeof(T)> : rms_norm_kernel<T, 1>, {rows}, {kRmsNormThreads},
         kRmsNormShared, p);
}
}  // namespace

void rms_norm(Stream& stream, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& weight, double eps) {
  visit_float(x.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> from = x.as_rows<T>(), w = weight.as_rows<T>();
    const RmsNormRows<T> p{.y = to.data,
                           .sum = nullptr,
                           .inv_rms = inv_rms.data<T>(),
                           .x = from.data,
                           .delta = nullptr,
                           .weight = w.data,
                           .width = to.width,
                           .y_stride = to.stride,
                           .sum_stride = 0,
                           .x_stride = from.stride,
                           .delta_stride = 0,
                           .eps = T(eps)};
    start_forward(stream, p, to.count, aligned(to) && aligned(from) && aligned(w));
  });
}

void residual_rms_norm(Stream& stream, Tensor& sum, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& delta,
                       const Tensor& weight, double eps) {
  visit_float(x.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>(), s = sum.as_rows<T>();
    const Rows<const T> left = x.as_rows<T>(), right = delta.as_rows<T>(), w = weight.as_rows<T>();
    const RmsNormRows<T> p{.y = to.data,
                           .sum = s.data,
                           .inv_rms = inv_rms.data<T>(),
                           .x = left.data,
                           .delta = right.data,
                           .weight = w.data,
                           .width = to.width,
                           .y_stride = to.stride,
                           .sum_stride = s.stride,
                           .x_stride = left.stride,
                           .delta_stride = right.stride,
                           .eps = T(eps)};
    start_forward(stream, p, to.count, aligned(to) && aligned(s) && aligned(left) && aligned(right) && aligned(w));
  });
}

void rms_norm_apply(Stream& stream, Tensor& y, const Tensor& x, const Tensor& inv_rms, const Tensor& weight) {
  visit_float(x.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> from = x.as_rows<T>(), w = weight.as_rows<T>();
    const bool vectors = aligned(to) && aligned(from) && aligned(w);
    launch(stream, vectors ? rms_norm_apply_kernel<T, 16 / sizeof(T)> : rms_norm_apply_kernel<T, 1>, {to.count},
           {kRmsNormThreads}, 0, to.data, to.stride, from.data, from.stride, inv_rms.data<T>(), w.data, to.width);
  });
}

void rms_norm_input_gradient(Stream& stream, Tensor& dx, const Tensor& dy, const Tensor& x, const Tensor& inv_rms,
                             const Tensor& weight, const Tensor* dx_add) {
  visit_float(x.dtype(), [&]<class T>() {
    const Rows<T> to = dx.as_rows<T>();
    const Rows<const T> g = dy.as_rows<T>(), from = x.as_rows<T>(), w = weight.as_rows<T>();
    const Rows<const T> more = dx_add ? dx_add->as_rows<T>() : Rows<const T>{nullptr, to.count, to.width, to.width};
    const RmsNormGradient<T> p{.dx = to.data,
                               .dy = g.data,
                               .x = from.data,
                               .inv_rms = inv_rms.data<T>(),
                               .weight = w.data,
                               .add = more.data,
                               .width = to.width,
                               .dx_stride = to.stride,
                               .dy_stride = g.stride,
                               .x_stride = from.stride,
                               .add_stride = more.stride};
    const bool vectors = aligned(to) && aligned(g) && aligned(from) && aligned(w) && aligned(more);
    launch(stream, vectors ? rms_norm_input_gradient_kernel<T, 16 / sizeof(T)> : rms_norm_input_gradient_kernel<T, 1>,
           {to.count}, {kRmsNormThreads}, kRmsNormShared, p);
  });
}

void rms_norm_weight_gradient(Stream& stream, Tensor& dweight, Tensor& partial, const Tensor& dy, const Tensor& x,
                              const Tensor& inv_rms) {
  visit_float(x.dtype(), [&]<class T>() {
    const Rows<const T> g = dy.as_rows<T>(), from = x.as_rows<T>();
    const int64_t chunks = partial.rows(), blocks = (from.width + kRmsNormThreads - 1) / kRmsNormThreads;
    if (chunks == 0) return;
    launch(stream, rms_norm_weight_partial_kernel<T>, {chunks, blocks}, {kRmsNormThreads}, 0, partial.data<T>(), g.data,
           g.stride, from.data, from.stride, inv_rms.data<T>(), from.count, from.width,
           (from.count + chunks - 1) / chunks);
    launch(stream, rms_norm_weight_sum_kernel<T>, {blocks}, {kRmsNormThreads}, 0, dweight.data<T>(), partial.data<T>(),
           chunks, from.width);
  });
}

}  // namespace hone::kernels::cuda
