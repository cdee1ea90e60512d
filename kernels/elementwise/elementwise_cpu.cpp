#include "kernels/elementwise/elementwise.h"

namespace hone::kernels::cpu {

void fill(Stream& stream, Tensor& y, double value) {
  visit_float(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    stream.parallel(to.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) std::fill_n(to[r], to.width, T(value));
    });
  });
}

void copy(Stream& stream, Tensor& y, const Tensor& x) {
  visit_float(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> from = x.as_rows<T>();
    stream.parallel(to.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) std::copy_n(from[r], to.width, to[r]);
    });
  });
}

void add(Stream& stream, Tensor& y, const Tensor& a, const Tensor& b) {
  visit_float(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> left = a.as_rows<T>(), right = b.as_rows<T>();
    stream.parallel(to.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        for (int64_t i = 0; i < to.width; ++i) to[r][i] = left[r][i] + right[r][i];
    });
  });
}

void convert(Stream& stream, Tensor& y, const Tensor& x) {
  visit_stored(y.dtype(), [&]<class To>() {
    visit_stored(x.dtype(), [&]<class From>() {
      const Rows<To> to = y.as_rows<To>();
      const Rows<const From> from = x.as_rows<From>();
      using Middle = std::conditional_t<std::is_same_v<From, double> && std::is_same_v<To, double>, double, float>;
      stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r)
          for (int64_t i = 0; i < to.width; ++i) to[r][i] = To(Middle(from[r][i]));
      });
    });
  });
}

void scale(Stream& stream, Tensor& y, const Tensor& factor) {
  visit_float(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const T by = factor.data<T>()[0];
    stream.parallel(to.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        for (int64_t i = 0; i < to.width; ++i) to[r][i] *= by;
    });
  });
}

void add_bias(Stream& stream, Tensor& y, const Tensor& bias) {
  visit_float(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const T* const b = bias.data<T>();
    stream.parallel(to.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        for (int64_t i = 0; i < to.width; ++i) to[r][i] += b[i];
    });
  });
}

// Threads share the columns, so each sum is taken in the order of the rows.
void add_column_sums(Stream& stream, Tensor& sums, const Tensor& y) {
  visit_float(y.dtype(), [&]<class T>() {
    const Rows<const T> from = y.as_rows<T>();
    T* const to = sums.data<T>();
    stream.parallel(from.width, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = 0; r < from.count; ++r)
        for (int64_t i = begin; i < end; ++i) to[i] += from[r][i];
    });
  });
}

}  // namespace hone::kernels::cpu
