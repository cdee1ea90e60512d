// A block walks a row, 16 bytes a thread where the rows are aligned; a narrow row, as norms of heads have, is a warp's.
// Sums are made in what the rows are computed in: trees of at most some tens of terms a thread, so float32 stays within
// a few roundings of the CPU's sums in double.
#include <cmath>

#include "kernels/core/cuda/column_sums.cuh"
#include "kernels/core/cuda/rows.cuh"
#include "kernels/rms_norm/rms_norm.h"

namespace hone::kernels::cuda {

constexpr int kRmsNormThreads = 256;
constexpr size_t kRmsNormShared = shared_bytes<double>(kRmsNormThreads / 32);
constexpr int64_t kWarpWidth = 512;  // of the widest row that a warp takes

// The `threads` threads of a block that share a row: all of them or a warp.
template <int threads>
struct RowTeam {
  static constexpr int kRows = kRmsNormThreads / threads;  // of a block
  int64_t row = int64_t(blockIdx.x) * kRows + threadIdx.x / threads;
  int thread = threadIdx.x % threads;

  // False for the last block's teams that are left over.
  __device__ bool has_row(int64_t rows) const {
#ifndef MUTANT_RMS_NORM_ROWS_PAST_THE_LAST
    return row < rows;
#else
    return row < rows + kRows;
#endif
  }
  // The sum over the team, in each of its threads; `partial` as for block_sum.
  template <class T>
  __device__ static T sum(T v, T* partial) {
    if constexpr (threads == 32)
      return warp_sum(v);
    else
      return block_sum<threads>(v, partial);
  }
};

// Calls body with the threads that share one of these rows, and the grid of all.
template <class T, class F>
void in_teams(const Rows<T>& rows, F&& body) {
  const auto grid = [&](int64_t a_block) { return Grid{(rows.count + a_block - 1) / a_block}; };
  if (rows.width <= kWarpWidth) return body.template operator()<32>(grid(RowTeam<32>::kRows));
  body.template operator()<kRmsNormThreads>(grid(RowTeam<kRmsNormThreads>::kRows));
}

// The one place that makes y, for the forward pass and for the remake.
template <class T, int count>
__device__ __forceinline__ Vector<T, count> rms_normalized(const Vector<T, count>& x, Computed<T> inv_rms,
                                                           const Computed<T>* weight) {
  const auto w = load_vector<count>(weight);
  auto y = widened(x);
#pragma unroll
  for (int j = 0; j < count; ++j) y.value[j] = y.value[j] * inv_rms * w.value[j];
  return narrowed<T>(y);
}

template <class T>
struct RmsNormRows {
  Rows<T> y, sum;  // sum: written where delta is given
  Computed<T>* inv_rms;
  Rows<const T> x, delta;  // delta: null for a plain norm
  const Computed<T>* weight;
  Computed<T> eps;
};

template <class T, int threads, int count>
__global__ void __launch_bounds__(kRmsNormThreads) rms_norm_kernel(const __grid_constant__ RmsNormRows<T> p) {
  SharedMemory shared;
  auto* const partial = shared.array<Computed<T>>(kRmsNormThreads / 32);
  const RowTeam<threads> team;
  const int64_t row = team.row, width = p.y.width;
  if (!team.has_row(p.y.count)) return;
  const T* x = row_of(p.x, row);
  Computed<T> squares = 0;
  for (int64_t i = int64_t(team.thread) * count; i < width; i += threads * count) {
    auto v = widened(load_vector<count>(x + i));
    if (p.delta.data) {
#ifndef MUTANT_RMS_NORM_WRONG_STRIDE
      const auto d = widened(load_vector<count>(row_of(p.delta, row) + i));
#else
      const auto d = widened(load_vector<count>(p.delta.data + row * p.x.stride + i));
#endif
#pragma unroll
      for (int j = 0; j < count; ++j) v.value[j] += d.value[j];
      const auto sum = narrowed<T>(v);
      store_vector(row_of(p.sum, row) + i, sum);
      v = widened(sum);  // the norm is that of the rounded sum
    }
#pragma unroll
    for (int j = 0; j < count; ++j) squares += v.value[j] * v.value[j];
  }
  const Computed<T> mean = team.sum(squares, partial) / Computed<T>(width);
  const Computed<T> inv_rms = Computed<T>(1) / std::sqrt(mean + p.eps);
#ifndef MUTANT_RMS_NORM_ALL_THREADS_STORE
  if (team.thread == 0)
#endif
    p.inv_rms[row] = inv_rms;
  if (p.delta.data) x = row_of(p.sum, row);  // each thread reads back what it wrote
  for (int64_t i = int64_t(team.thread) * count; i < width; i += threads * count)
    store_vector(row_of(p.y, row) + i, rms_normalized(load_vector<count>(x + i), inv_rms, p.weight + i));
}

template <class T, int threads, int count>
__global__ void __launch_bounds__(kRmsNormThreads)
    rms_norm_apply_kernel(Rows<T> y, Rows<const T> x, const Computed<T>* inv_rms, const Computed<T>* weight) {
  const RowTeam<threads> team;
  const int64_t row = team.row;
  if (!team.has_row(y.count)) return;
  const Computed<T> scale = inv_rms[row];
  for (int64_t i = int64_t(team.thread) * count; i < y.width; i += threads * count)
    store_vector(row_of(y, row) + i, rms_normalized(load_vector<count>(row_of(x, row) + i), scale, weight + i));
}

template <class T>
struct RmsNormGradient {
  Rows<T> dx;
  Rows<const T> dy, x, add;  // add: null where nothing is added
  const Computed<T>*inv_rms, *weight;
};

// dx = inv_rms * (dy * weight - x * inv_rms² * mean(dy * weight * x)) + add
template <class T, int threads, int count>
__global__ void __launch_bounds__(kRmsNormThreads)
    rms_norm_input_gradient_kernel(const __grid_constant__ RmsNormGradient<T> p) {
  SharedMemory shared;
  auto* const partial = shared.array<Computed<T>>(kRmsNormThreads / 32);
  const RowTeam<threads> team;
  const int64_t row = team.row, width = p.dx.width;
  if (!team.has_row(p.dx.count)) return;
  const T *const dy = row_of(p.dy, row), *const x = row_of(p.x, row);
  Computed<T> dot = 0;
  for (int64_t i = int64_t(team.thread) * count; i < width; i += threads * count) {
    const auto g = widened(load_vector<count>(dy + i)), v = widened(load_vector<count>(x + i));
    const auto w = load_vector<count>(p.weight + i);
#pragma unroll
    for (int j = 0; j < count; ++j) dot += g.value[j] * w.value[j] * v.value[j];
  }
  const Computed<T> scale = p.inv_rms[row];
  const Computed<T> pull = team.sum(dot, partial) / Computed<T>(width) * scale * scale;
  for (int64_t i = int64_t(team.thread) * count; i < width; i += threads * count) {
    const auto g = widened(load_vector<count>(dy + i)), v = widened(load_vector<count>(x + i));
    const auto w = load_vector<count>(p.weight + i);
    Vector<Computed<T>, count> to{};
    if (p.add.data) to = widened(load_vector<count>(row_of(p.add, row) + i));
#pragma unroll
    for (int j = 0; j < count; ++j) to.value[j] += scale * (g.value[j] * w.value[j] - v.value[j] * pull);
    store_vector(row_of(p.dx, row) + i, narrowed<T>(to));
  }
}

// A pass of its own, though it reads dy and x again: with LoRA the norms' weights are frozen, and what is left then
// reads and writes nothing twice.
template <class T, int count>
__global__ void __launch_bounds__(kColumnThreads)
    rms_norm_weight_gradient_kernel(Rows<Computed<T>> of_chunks, Rows<const T> dy, Rows<const T> x,
                                    const Computed<T>* inv_rms) {
  sum_chunk<count>(of_chunks, dy.count, [&](int64_t row, int64_t i) {
    auto term = widened(load_vector<count>(row_of(dy, row) + i));
    const auto v = widened(load_vector<count>(row_of(x, row) + i));
    const Computed<T> scale = inv_rms[row];
#pragma unroll
    for (int j = 0; j < count; ++j) term.value[j] *= v.value[j] * scale;
    return term;
  });
}

namespace {
template <class T>
void start_forward(Stream& stream, RmsNormRows<T> p, const Tensor& weight) {
  const auto w = weight.as_rows<Computed<T>>();
  p.weight = w.data;
  const bool vectors = fit<kVector<T>>(w) && aligned(p.y, p.sum, p.x, p.delta);
  in_teams(p.y, [&]<int threads>(Grid grid) {
    in_vectors<kVector<T>>(vectors, [&]<int count>() {
      launch(stream, rms_norm_kernel<T, threads, count>, grid, {kRmsNormThreads}, kRmsNormShared, p);
    });
  });
}
}  // namespace

void rms_norm(Stream& stream, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& weight, double eps) {
  visit_stored(x.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    start_forward<T>(stream,
                     {.y = native(y.as_rows<Stored>()),
                      .sum = {},
                      .inv_rms = inv_rms.data<Wide<Stored>>(),
                      .x = native(x.as_rows<Stored>()),
                      .delta = {},
                      .weight = nullptr,
                      .eps = Wide<Stored>(eps)},
                     weight);
  });
}

void residual_rms_norm(Stream& stream, Tensor& sum, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& delta,
                       const Tensor& weight, double eps) {
  visit_stored(x.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    start_forward<T>(stream,
                     {.y = native(y.as_rows<Stored>()),
                      .sum = native(sum.as_rows<Stored>()),
                      .inv_rms = inv_rms.data<Wide<Stored>>(),
                      .x = native(x.as_rows<Stored>()),
                      .delta = native(delta.as_rows<Stored>()),
                      .weight = nullptr,
                      .eps = Wide<Stored>(eps)},
                     weight);
  });
}

void rms_norm_apply(Stream& stream, Tensor& y, const Tensor& x, const Tensor& inv_rms, const Tensor& weight) {
  visit_stored(x.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    const auto to = native(y.as_rows<Stored>());
    const auto from = native(x.as_rows<Stored>());
    const auto w = weight.as_rows<Wide<Stored>>();
    in_teams(to, [&]<int threads>(Grid grid) {
      in_vectors<kVector<T>>(fit<kVector<T>>(w) && aligned(to, from), [&]<int count>() {
        launch(stream, rms_norm_apply_kernel<T, threads, count>, grid, {kRmsNormThreads}, 0, to, from,
               inv_rms.data<Wide<Stored>>(), w.data);
      });
    });
  });
}

void rms_norm_input_gradient(Stream& stream, Tensor& dx, const Tensor& dy, const Tensor& x, const Tensor& inv_rms,
                             const Tensor& weight, const Tensor* dx_add) {
  visit_stored(x.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    const auto w = weight.as_rows<Wide<Stored>>();
    const RmsNormGradient<T> p{.dx = native(dx.as_rows<Stored>()),
                               .dy = native(dy.as_rows<Stored>()),
                               .x = native(x.as_rows<Stored>()),
                               .add = dx_add ? native(dx_add->as_rows<Stored>()) : Rows<const T>{},
                               .inv_rms = inv_rms.data<Wide<Stored>>(),
                               .weight = w.data};
    in_teams(p.dx, [&]<int threads>(Grid grid) {
      in_vectors<kVector<T>>(fit<kVector<T>>(w) && aligned(p.dx, p.dy, p.x, p.add), [&]<int count>() {
        launch(stream, rms_norm_input_gradient_kernel<T, threads, count>, grid, {kRmsNormThreads}, kRmsNormShared, p);
      });
    });
  });
}

void rms_norm_weight_gradient(Stream& stream, Tensor& dweight, Tensor& partial, const Tensor& dy, const Tensor& x,
                              const Tensor& inv_rms) {
  visit_stored(x.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    const auto of_chunks = partial.as_rows<Wide<Stored>>();
    const auto g = native(dy.as_rows<Stored>()), from = native(x.as_rows<Stored>());
    in_vectors<kVector<T>>(fit<kVector<T>>(of_chunks) && aligned(g, from), [&]<int count>() {
      launch(stream, rms_norm_weight_gradient_kernel<T, count>, chunk_grid<count>(of_chunks), {kColumnThreads}, 0,
             of_chunks, g, from, inv_rms.data<Wide<Stored>>());
    });
    add_chunks(stream, dweight.data<Wide<Stored>>(), of_chunks);
  });
}

}  // namespace hone::kernels::cuda
