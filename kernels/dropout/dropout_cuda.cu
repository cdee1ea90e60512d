#include "kernels/core/cuda/rows.cuh"
#include "kernels/dropout/dropout.h"

namespace hone::kernels::cuda {

// A vector's numbers: those of its elements, of which the first has number `first` of all, a multiple of `count`.
template <int count>
__device__ __forceinline__ Vector<uint32_t, count> drawn_for(Philox stream, int64_t first) {
  Vector<uint32_t, count> numbers;
#pragma unroll
  for (int j = 0; j < count; j += 4) {
    Philox block = stream;
    block.counter[0] = uint32_t(first / 4 + j / 4);
    draw(block);
    if constexpr (count >= 4) {
#pragma unroll
      for (int k = 0; k < 4; ++k) numbers.value[j + k] = block.counter[k];
    } else {  // a part of a block, chosen without an index, which would need a stack
      const auto& [a, b, c, d] = block.counter;
#ifndef MUTANT_DROPOUT_FIRST_OF_BLOCK
      const int at = int(first % 4);
#else
      const int at = 0;
#endif
      numbers.value[0] = at == 0 ? a : at == 1 ? b : at == 2 ? c : d;
      if constexpr (count == 2) numbers.value[1] = at == 0 ? b : d;
    }
  }
  return numbers;
}

template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads)
    dropout_kernel(Rows<T> y, Rows<const T> x, Philox stream, uint32_t threshold, Computed<T> scale) {
  walk<count>(
      y.count, y.width, [&](int64_t row, int64_t i) { return load_vector<count>(row_of(x, row) + i); },
      [&](int64_t row, int64_t i, const Vector<T, count>& v) {
#ifndef MUTANT_DROPOUT_COUNTS_GAPS
        const auto drawn = drawn_for<count>(stream, row * y.width + i);
#else
        const auto drawn = drawn_for<count>(stream, row * y.stride + i);
#endif
        auto kept = widened(v);
#pragma unroll
        for (int j = 0; j < count; ++j) kept.value[j] = drawn.value[j] < threshold ? 0 : kept.value[j] * scale;
        store_vector(row_of(y, row) + i, narrowed<T>(kept));
      });
}

void dropout(Stream& stream, Tensor& y, const Tensor& x, double p, const RandomKey& key) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    auto to = native(y.as_rows<Stored>());
    auto from = native(x.as_rows<Stored>());
    flatten(to, from);
    in_vectors<kVector<T>>(aligned(to, from), [&]<int count>() {
      launch(stream, dropout_kernel<T, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, from, philox(key, 0),
             uint32_t(p * 4294967296.0), Wide<Stored>(1 / (1 - p)));
    });
  });
}

}  // namespace hone::kernels::cuda
