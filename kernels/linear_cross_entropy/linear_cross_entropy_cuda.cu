// The running softmax gives a labelled position to a block, whose threads keep its row of logits in registers: it is
// read once. The rest is made element by element.
#include <cmath>

#include "kernels/core/cuda/rows.cuh"
#include "kernels/linear_cross_entropy/linear_cross_entropy.h"
#include "kernels/linear_cross_entropy/running_softmax.h"

namespace hone::kernels::cuda {

constexpr int kLossThreads = 256, kLossWarps = kLossThreads / 32;

// ---- a soft cap of logits

template <class T>
__device__ __forceinline__ T capped(T z, T softcap) {
  return softcap > 0 ? softcap * std::tanh(z / softcap) : z;
}
// The cap's derivative where its value is z.
template <class T>
__device__ __forceinline__ T softcap_slope(T z, T softcap) {
  const T share = softcap > 0 ? z / softcap : T(0);
  return 1 - share * share;
}

// ---- a row of logits in registers

constexpr int kLogits = int(loss_sizes(DeviceType::cuda).block / kLossThreads);  // a thread's share of a row
static_assert(kLogits <= 32, "float32 logits of a row must leave a thread registers to compute in");

template <class T, int count>
using Logits = Vector<T, count>[kLogits / count];

// Calls f(i, v) for each vector v of this thread, which is the row's from element i on.
template <class T, int count, class F>
__device__ __forceinline__ void for_each_vector(Logits<T, count>& z, int width, F&& f) {
#pragma unroll
  for (int v = 0; v < kLogits / count; ++v) {
    const int i = (v * kLossThreads + int(threadIdx.x)) * count;
#ifdef MUTANT_SOFTMAX_PAST_ROW
    if (i <= width) f(i, z[v]);
#else
    if (i < width) f(i, z[v]);
#endif
  }
}

template <class T>
struct SoftmaxBlock {
  using Sum = Computed<T>;
  Sum *best, *of_label;
  double* sum;
  Rows<T> weights;  // without data: not wanted
  Rows<Sum> sums;   // without data: nothing was added up yet
  Rows<const Sum> logits;
  const int32_t* labels;
  int64_t first;
  Sum softcap;  // 0: none
};

// weights[i] = e to the (logit - best), where best is the largest so far; what was added up with an earlier one
// shrinks. The largest logit is seldom in a late block: most rows of sums need not be touched.
template <class T, bool soft, int count>
__global__ void __launch_bounds__(kLossThreads) softmax_block_kernel(const __grid_constant__ SoftmaxBlock<T> p) {
  using Sum = Computed<T>;
  struct OfWarps {
    Sum best[kLossWarps], sum[kLossWarps];
  };
  OfWarps& shared = block_shared<OfWarps>();
  const int64_t row = blockIdx.x;
  const int width = int(p.logits.width), warp = int(threadIdx.x) / 32, label = p.labels[row] - int(p.first);
  const bool is_first = p.first == 0, is_leader = threadIdx.x == 0;
  const Sum* const logits = row_of(p.logits, row);
  const Sum before = is_first ? -Sum(INFINITY) : p.best[row];
  Logits<Sum, count> z;
  for_each_vector<Sum, count>(z, width, [&](int i, auto& v) { v = load_vector<count>(logits + i); });
  if (is_leader && label >= 0 && label < width)
    p.of_label[row] = soft ? capped(logits[label], p.softcap) : logits[label];  // while all of the row is under way
  if constexpr (soft)
    for_each_vector<Sum, count>(z, width, [&](int, auto& v) {
#pragma unroll
      for (int j = 0; j < count; ++j) v.value[j] = capped(v.value[j], p.softcap);
    });
  Sum best = before;
  for_each_vector<Sum, count>(z, width, [&](int, auto& v) {
#pragma unroll
    for (int j = 0; j < count; ++j) best = std::fmax(best, v.value[j]);
  });
  best = warp_max(best);
  if (threadIdx.x % 32 == 0) shared.best[warp] = best;
#ifndef MUTANT_SOFTMAX_NO_BARRIER
  __syncthreads();
#endif
#pragma unroll
  for (int w = 0; w < kLossWarps; ++w) best = std::fmax(best, shared.best[w]);

  Sum sum = 0;
  for_each_vector<Sum, count>(z, width, [&](int, auto& v) {
#pragma unroll
    for (int j = 0; j < count; ++j) {  // the sum is of the softmax alone, the gradient's weights pass through the cap
      const Sum logit = v.value[j];
      sum += v.value[j] = std::exp(logit - best);
      if constexpr (soft) v.value[j] *= softcap_slope(logit, p.softcap);
    }
  });
  if (p.weights.data) {  // perhaps over the logits, which all threads have read
    T* const weights = row_of(p.weights, row);
    for_each_vector<Sum, count>(z, width, [&](int i, auto& v) { store_vector(weights + i, narrowed<T>(v)); });
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) shared.sum[warp] = sum;
  __syncthreads();
  const Sum shrink = is_first ? Sum(0) : std::exp(before - best);
  if (is_leader) {
    double total = 0;
#pragma unroll
    for (int w = 0; w < kLossWarps; ++w) total += double(shared.sum[w]);
    p.sum[row] = is_first ? total : p.sum[row] * double(shrink) + total;
    p.best[row] = best;
  }
  if (p.sums.data && shrink != Sum(1)) {
    Sum* const so_far = row_of(p.sums, row);
    for (int64_t i = int64_t(threadIdx.x) * count; i < p.sums.width; i += kLossThreads * count) {
      Vector<Sum, count> v = load_vector<count>(so_far + i);
#pragma unroll
      for (int j = 0; j < count; ++j) v.value[j] *= shrink;
      store_vector(so_far + i, v);
    }
  }
}

// dlogits = dloss * (softmax - one at the label), perhaps over the logits.
template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads)
    softmax_gradient_kernel(Rows<T> dlogits, Rows<const Computed<T>> logits, const Computed<T>* log_sum_exp,
                            const int32_t* labels, const Computed<T>* dloss, int64_t first, Computed<T> softcap) {
  using Sum = Computed<T>;
  const Sum seed = *dloss;
  walk<count>(
      logits.count, logits.width,
      [&](int64_t row, int64_t i) {
        const Sum log_sum = log_sum_exp[row];
        const int label = labels[row] - int(first + i);
        auto v = load_vector<count>(row_of(logits, row) + i);
#pragma unroll
        for (int j = 0; j < count; ++j) {
          const Sum logit = capped(v.value[j], softcap);
          v.value[j] = (std::exp(logit - log_sum) - Sum(j == label)) * softcap_slope(logit, softcap) * seed;
        }
        return narrowed<T>(v);
      },
      [&](int64_t row, int64_t i, const Vector<T, count>& v) { store_vector(row_of(dlogits, row) + i, v); });
}

// ---- rows of hidden states

template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads) gather_kernel(Rows<T> y, Rows<const T> x, const int32_t* rows) {
  walk<count>(
      y.count, y.width, [&](int64_t row, int64_t i) { return load_vector<count>(row_of(x, rows[row]) + i); },
      [&](int64_t row, int64_t i, const Vector<T, count>& v) { store_vector(row_of(y, row) + i, v); });
}

template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads)
    scatter_kernel(Rows<T> y, Rows<const Computed<T>> x, const int32_t* rows) {
  walk<count>(
      x.count, x.width, [&](int64_t row, int64_t i) { return narrowed<T>(load_vector<count>(row_of(x, row) + i)); },
      [&](int64_t row, int64_t i, const Vector<T, count>& v) { store_vector(row_of(y, rows[row]) + i, v); });
}

// dh holds the label's vector: it becomes the mean of all vectors by their weights, less that one.
template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads)
    softmax_hidden_gradient_kernel(Rows<T> dh, const int32_t* rows, Rows<const Computed<T>> sums, const double* sum,
                                   const Computed<T>* logit_of_label, Computed<T> softcap) {
  using Sum = Computed<T>;
  walk<count>(
      sums.count, sums.width,
      [&](int64_t row, int64_t i) {
        const Sum inverse = 1 / Sum(sum[row]);  // not in double, which some GPUs divide slowly
        // Rounded as the weights are: a label that is all of the softmax has no gradient.
        const Sum slope = softcap > 0 ? Sum(narrowed<T>(softcap_slope(logit_of_label[row], softcap))) : Sum(1);
        auto v = load_vector<count>(row_of(sums, row) + i);
        const auto of_label = widened(load_vector<count>(row_of(dh, rows[row]) + i));
#pragma unroll
        for (int j = 0; j < count; ++j) v.value[j] = v.value[j] * inverse - of_label.value[j] * slope;
        return narrowed<T>(v);
      },
      [&](int64_t row, int64_t i, const Vector<T, count>& v) { store_vector(row_of(dh, rows[row]) + i, v); });
}

// A block has a position. Most labels are in other blocks of the vocabulary.
template <class T, int count>
__global__ void __launch_bounds__(kLossThreads)
    copy_labelled_kernel(Rows<T> y, const int32_t* rows, Rows<const T> vectors, const int32_t* labels, int64_t first) {
  const int64_t row = labels[blockIdx.x] - first;
  if (row < 0 || row >= vectors.count) return;
  T* const to = row_of(y, rows[blockIdx.x]);
  const T* const from = row_of(vectors, row);
  for (int64_t i = int64_t(threadIdx.x) * count; i < y.width; i += kLossThreads * count)
    store_vector(to + i, load_vector<count>(from + i));
}

// ---- one number a position

template <class T>
__global__ void __launch_bounds__(kLossThreads)
    softmax_loss_kernel(T* best, T* of_label, const double* sum, int count) {
  const int i = int(blockIdx.x) * kLossThreads + int(threadIdx.x);
  if (i >= count) return;
  const T log_sum = best[i] + T(std::log(sum[i]));
  best[i] = log_sum;
  of_label[i] = log_sum - of_label[i];
}

// One block: thread t adds values t, t + 1024, …; then a tree over the threads. All of it takes microseconds.
constexpr int kSumThreads = 1024;
template <class T>
__global__ void __launch_bounds__(kSumThreads) sum_kernel(T* total, const T* values, int64_t count) {
  struct OfWarps {
    double sum[kSumThreads / 32];
  };
  OfWarps& shared = block_shared<OfWarps>();
  double sum = 0;
#pragma unroll 8
  for (int64_t i = threadIdx.x; i < count; i += kSumThreads) sum += double(values[i]);
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) shared.sum[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  sum = warp_sum(shared.sum[threadIdx.x]);
  if (threadIdx.x == 0) *total = T(sum);
}

// ---- what the op calls

void gather_rows(Stream& stream, Tensor& y, const Tensor& x, const Tensor& rows) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    const Rows<T> to = native(y.as_rows<Stored>());
    const Rows<const T> from = native(x.as_rows<Stored>());
    in_vectors<kVector<T>>(aligned(to, from), [&]<int count>() {
      launch(stream, gather_kernel<T, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, from, rows.data<int32_t>());
    });
  });
}

void scatter_rows(Stream& stream, Tensor& y, const Tensor& x, const Tensor& rows) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    constexpr int kMost = kVector<Computed<T>>;
    const Rows<T> to = native(y.as_rows<Stored>());
    const Rows<const Computed<T>> from = x.as_rows<Wide<Stored>>();
    in_vectors<kMost>(fit<kMost>(to, from), [&]<int count>() {
      launch(stream, scatter_kernel<T, count>, walk_grid<count>(from), {kWalkThreads}, 0, to, from,
             rows.data<int32_t>());
    });
  });
}

void softmax_block(Stream& stream, RunningSoftmax& running, Tensor* weights, Tensor* sums, Tensor& logits,
                   const Tensor& labels, int64_t first, double softcap) {
  visit_stored(weights ? weights->dtype() : logits.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    using Sum = Wide<Stored>;
    constexpr int kMost = kVector<Sum>;
    const SoftmaxBlock<T> p{.best = running.best.data<Sum>(),
                            .of_label = running.of_label.data<Sum>(),
                            .sum = running.sum.data<double>(),
                            .weights = weights ? native(weights->as_rows<Stored>()) : Rows<T>{},
                            .sums = sums ? sums->as_rows<Sum>() : Rows<Sum>{},
                            .logits = std::as_const(logits).as_rows<Sum>(),
                            .labels = labels.data<int32_t>(),
                            .first = first,
                            .softcap = Sum(softcap)};
    require(p.logits.width <= kLogits * kLossThreads, "[softmax_block] rows of ", p.logits.width, " logits");
    in_vectors<kMost>(fit<kMost>(p.weights, p.sums, p.logits), [&]<int count>() {
      if (softcap > 0)
        launch(stream, softmax_block_kernel<T, true, count>, {p.logits.count}, {kLossThreads}, 0, p);
      else
        launch(stream, softmax_block_kernel<T, false, count>, {p.logits.count}, {kLossThreads}, 0, p);
    });
  });
}

void copy_labelled(Stream& stream, Tensor& y, const Tensor& rows, const Tensor& block, const Tensor& labels,
                   int64_t first) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    const Rows<T> to = native(y.as_rows<Stored>());
    const Rows<const T> from = native(block.as_rows<Stored>());
    in_vectors<kVector<T>>(aligned(to, from), [&]<int count>() {
      launch(stream, copy_labelled_kernel<T, count>, {labels.elements()}, {kLossThreads}, 0, to, rows.data<int32_t>(),
             from, labels.data<int32_t>(), first);
    });
  });
}

void softmax_loss(Stream& stream, RunningSoftmax& running) {
  visit_float(running.best.dtype(), [&]<class T>() {
    const int64_t count = running.best.elements();
    launch(stream, softmax_loss_kernel<T>, {(count + kLossThreads - 1) / kLossThreads}, {kLossThreads}, 0,
           running.best.data<T>(), running.of_label.data<T>(), std::as_const(running.sum).data<double>(), int(count));
  });
}

void softmax_hidden_gradient(Stream& stream, Tensor& dh, const Tensor& rows, const Tensor& sums,
                             const RunningSoftmax& running, double softcap) {
  visit_stored(dh.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    constexpr int kMost = kVector<Computed<T>>;
    const Rows<T> to = native(dh.as_rows<Stored>());
    const Rows<const Computed<T>> from = sums.as_rows<Wide<Stored>>();
    in_vectors<kMost>(fit<kMost>(to, from), [&]<int count>() {
      launch(stream, softmax_hidden_gradient_kernel<T, count>, walk_grid<count>(from), {kWalkThreads}, 0, to,
             rows.data<int32_t>(), from, running.sum.data<double>(), running.of_label.data<Wide<Stored>>(),
             Wide<Stored>(softcap));
    });
  });
}

void softmax_gradient(Stream& stream, Tensor& dlogits, const Tensor& logits, const Tensor& log_sum_exp,
                      const Tensor& labels, const Tensor& dloss, int64_t first, double softcap) {
  visit_stored(dlogits.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    using Sum = Wide<Stored>;
    constexpr int kMost = sizeof(Sum) == 8 ? 1 : kVector<Sum>;  // two doubles spill a register on 12.1
    const Rows<T> to = native(dlogits.as_rows<Stored>());
    const Rows<const Sum> from = logits.as_rows<Sum>();
    in_vectors<kMost>(fit<kMost>(to, from), [&]<int count>() {
      launch(stream, softmax_gradient_kernel<T, count>, walk_grid<count>(from), {kWalkThreads}, 0, to, from,
             log_sum_exp.data<Sum>(), labels.data<int32_t>(), dloss.data<Sum>(), first, Sum(softcap));
    });
  });
}

void sum_in_order(Stream& stream, Tensor& total, const Tensor& values) {
  visit_float(values.dtype(), [&]<class T>() {
    launch(stream, sum_kernel<T>, {1}, {kSumThreads}, 0, total.data<T>(), values.data<T>(), values.elements());
  });
}

}  // namespace hone::kernels::cuda
