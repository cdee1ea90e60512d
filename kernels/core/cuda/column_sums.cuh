// Sums over rows, column by column (kernels/core/column_sums.h says how many chunks, and why):
//   template <class T, int count>
//   __global__ void __launch_bounds__(kColumnThreads) squares_kernel(Rows<Computed<T>> of_chunks, Rows<const T> x) {
//     sum_chunk<count>(of_chunks, x.count, [&](int64_t row, int64_t i) { return …a Vector of count terms…; });
//   }
//   launch(stream, squares_kernel<T, count>, chunk_grid<count>(of_chunks), {kColumnThreads}, 0, of_chunks, x);
//   add_chunks(stream, sums, of_chunks);
#pragma once
#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"

namespace hone::kernels::cuda {

inline constexpr int kColumnThreads = 128;

template <int count, class Sum>
Grid chunk_grid(const Rows<Sum>& of_chunks) {
  constexpr int64_t kColumns = kColumnThreads * count;
  return {of_chunks.count, (of_chunks.width + kColumns - 1) / kColumns};
}

// This block's part of the sums of its chunk, blockIdx.x: term(row, i) are the terms of columns i … i + count - 1.
template <int count, class Sum, class Term>
__device__ __forceinline__ void sum_chunk(const Rows<Sum>& of_chunks, int64_t rows, Term&& term) {
  const int64_t i = (int64_t(blockIdx.y) * kColumnThreads + threadIdx.x) * count;
  if (i >= of_chunks.width) return;
  const int64_t chunk = (rows + of_chunks.count - 1) / of_chunks.count, first = blockIdx.x * chunk;
  const int64_t end = first + chunk < rows ? first + chunk : rows;
  Vector<Sum, count> sum{};
#pragma unroll 4
  for (int64_t row = first; row < end; ++row) {
    const Vector<Sum, count> more = term(row, i);
#pragma unroll
    for (int j = 0; j < count; ++j) sum.value[j] += more.value[j];
  }
  store_vector(of_chunks.data + blockIdx.x * of_chunks.stride + i, sum);
}

template <class Sum>
__global__ void __launch_bounds__(kColumnThreads) add_chunks_kernel(Sum* sums, Rows<Sum> of_chunks) {
  const int64_t i = int64_t(blockIdx.x) * kColumnThreads + threadIdx.x;
#ifndef MUTANT_COLUMN_SUMS_PAST_THE_WIDTH
  if (i >= of_chunks.width) return;
#endif
  Sum sum = sums[i];
#pragma unroll 8
  for (int64_t row = 0; row < of_chunks.count; ++row) sum += of_chunks.data[row * of_chunks.stride + i];
  sums[i] = sum;
}
// sums += the sums of the chunks, in order.
template <class Sum>
void add_chunks(LaunchOn on, Sum* sums, const Rows<Sum>& of_chunks) {
  launch(on, add_chunks_kernel<Sum>, {chunk_grid<1>(of_chunks).y}, {kColumnThreads}, 0, sums, of_chunks);
}

}  // namespace hone::kernels::cuda
