#include "kernels/elementwise/elementwise.h"

#include "kernels/core/cuda/column_sums.cuh"
#include "kernels/core/cuda/rows.cuh"

namespace hone::kernels::cuda {

template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads) fill_kernel(Rows<T> y, Computed<T> value) {
  Vector<T, count> all;
#pragma unroll
  for (int j = 0; j < count; ++j) all.value[j] = narrowed<T>(value);
  walk<count>(
      y.count, y.width, [&](int64_t, int64_t) { return all; },
      [&](int64_t row, int64_t i, const Vector<T, count>& v) { store_vector(row_of(y, row) + i, v); });
}

template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads) copy_kernel(Rows<T> y, Rows<const T> x) {
  walk<count>(
      y.count, y.width, [&](int64_t row, int64_t i) { return load_vector<count>(row_of(x, row) + i); },
      [&](int64_t row, int64_t i, const Vector<T, count>& v) { store_vector(row_of(y, row) + i, v); });
}

// By way of float32, as on the CPU, but for float64 to itself.
template <class To, class From, int count>
__global__ void __launch_bounds__(kWalkThreads) convert_kernel(Rows<To> y, Rows<const From> x) {
  using Middle = std::conditional_t<std::is_same_v<From, double> && std::is_same_v<To, double>, double, float>;
  walk<count>(
      y.count, y.width, [&](int64_t row, int64_t i) { return load_vector<count>(row_of(x, row) + i); },
      [&](int64_t row, int64_t i, const Vector<From, count>& v) {
        const auto in = widened(v);
        Vector<Computed<To>, count> out;
#pragma unroll
        for (int j = 0; j < count; ++j) out.value[j] = Computed<To>(Middle(in.value[j]));
        store_vector(row_of(y, row) + i, narrowed<To>(out));
      });
}

template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads) add_kernel(Rows<T> y, Rows<const T> a, Rows<const T> b) {
  struct Terms {
    Vector<T, count> a, b;
  };
  walk<count>(
      y.count, y.width,
      [&](int64_t row, int64_t i) {
#ifndef MUTANT_ADD_WRONG_STRIDE
        return Terms{load_vector<count>(row_of(a, row) + i), load_vector<count>(row_of(b, row) + i)};
#else
        return Terms{load_vector<count>(row_of(a, row) + i), load_vector<count>(b.data + row * a.stride + i)};
#endif
      },
      [&](int64_t row, int64_t i, const Terms& terms) {
        auto sum = widened(terms.a);
        const auto more = widened(terms.b);
#pragma unroll
        for (int j = 0; j < count; ++j) sum.value[j] += more.value[j];
        store_vector(row_of(y, row) + i, narrowed<T>(sum));
      });
}

template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads) scale_kernel(Rows<T> y, const Computed<T>* factor) {
  const Computed<T> by = *factor;
  walk<count>(
      y.count, y.width, [&](int64_t row, int64_t i) { return load_vector<count>(row_of(y, row) + i); },
      [&](int64_t row, int64_t i, const Vector<T, count>& v) {
        auto product = widened(v);
#pragma unroll
        for (int j = 0; j < count; ++j) product.value[j] *= by;
        store_vector(row_of(y, row) + i, narrowed<T>(product));
      });
}

template <class T, int count>
__global__ void __launch_bounds__(kWalkThreads) add_bias_kernel(Rows<T> y, const Computed<T>* bias) {
  walk<count>(
      y.count, y.width, [&](int64_t row, int64_t i) { return load_vector<count>(row_of(y, row) + i); },
      [&](int64_t row, int64_t i, const Vector<T, count>& v) {
        auto sum = widened(v);
        const auto b = load_vector<count>(bias + i);
#pragma unroll
        for (int j = 0; j < count; ++j) sum.value[j] += b.value[j];
        store_vector(row_of(y, row) + i, narrowed<T>(sum));
      });
}

template <class T, int count>
__global__ void __launch_bounds__(kColumnThreads) column_sums_kernel(Rows<Computed<T>> of_chunks, Rows<const T> y) {
  sum_chunk<count>(of_chunks, y.count,
                   [&](int64_t row, int64_t i) { return widened(load_vector<count>(row_of(y, row) + i)); });
}

void fill(Stream& stream, Tensor& y, double value) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    auto to = native(y.as_rows<Stored>());
    flatten(to);
    in_vectors<kVector<T>>(aligned(to), [&]<int count>() {
      launch(stream, fill_kernel<T, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, Wide<Stored>(value));
    });
  });
}

void copy(Stream& stream, Tensor& y, const Tensor& x) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    auto to = native(y.as_rows<Stored>());
    auto from = native(x.as_rows<Stored>());
    flatten(to, from);
    in_vectors<kVector<T>>(aligned(to, from), [&]<int count>() {
      launch(stream, copy_kernel<T, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, from);
    });
  });
}

void convert(Stream& stream, Tensor& y, const Tensor& x) {
  visit_stored(y.dtype(), [&]<class StoredTo>() {
    visit_stored(x.dtype(), [&]<class StoredFrom>() {
      using To = Native<StoredTo>;
      using From = Native<StoredFrom>;
      auto to = native(y.as_rows<StoredTo>());
      auto from = native(x.as_rows<StoredFrom>());
      flatten(to, from);
      constexpr int kMost = std::min(kVector<To>, kVector<From>);
      in_vectors<kMost>(fit<kMost>(to) && fit<kMost>(from), [&]<int count>() {
        launch(stream, convert_kernel<To, From, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, from);
      });
    });
  });
}

void add(Stream& stream, Tensor& y, const Tensor& a, const Tensor& b) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    auto to = native(y.as_rows<Stored>());
    auto left = native(a.as_rows<Stored>()), right = native(b.as_rows<Stored>());
    flatten(to, left, right);
    in_vectors<kVector<T>>(aligned(to, left, right), [&]<int count>() {
      launch(stream, add_kernel<T, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, left, right);
    });
  });
}

void scale(Stream& stream, Tensor& y, const Tensor& factor) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    auto to = native(y.as_rows<Stored>());
    flatten(to);
    in_vectors<kVector<T>>(aligned(to), [&]<int count>() {
      launch(stream, scale_kernel<T, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, factor.data<Wide<Stored>>());
    });
  });
}

void add_bias(Stream& stream, Tensor& y, const Tensor& bias) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    const auto to = native(y.as_rows<Stored>());
    const auto b = bias.as_rows<Wide<Stored>>();
    in_vectors<kVector<T>>(aligned(to, b), [&]<int count>() {
      launch(stream, add_bias_kernel<T, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, b.data);
    });
  });
}

void add_column_sums(Stream& stream, Tensor& sums, Tensor& partial, const Tensor& y) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    const auto from = native(y.as_rows<Stored>());
    const auto of_chunks = partial.as_rows<Wide<Stored>>();
    in_vectors<kVector<T>>(aligned(from, of_chunks), [&]<int count>() {
      launch(stream, column_sums_kernel<T, count>, chunk_grid<count>(of_chunks), {kColumnThreads}, 0, of_chunks, from);
    });
    add_chunks(stream, sums.data<Wide<Stored>>(), of_chunks);
  });
}

}  // namespace hone::kernels::cuda
