#include "kernels/elementwise/elementwise.h"

namespace hone::kernels::cpu {

namespace {
// Calls body(row, begin, end) for pieces of rows that together are all (count, width) elements, in pieces large enough
// to be worth a thread; where nothing lies between the rows they are one.
template <class F>
void for_each_piece(Stream& stream, int64_t count, int64_t width, bool contiguous, F&& body) {
  constexpr int64_t kPiece = 8192;
  if (contiguous) width *= count, count = 1;
  const int64_t columns = std::max<int64_t>(1, std::min(width, kPiece)), pieces = (width + columns - 1) / columns;
  stream.parallel(count * pieces, kPiece / columns, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t from = piece % pieces * columns;
      body(piece / pieces, from, std::min(width, from + columns));
    }
  });
}
}  // namespace

void fill(Stream& stream, Tensor& y, double value) {
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    for_each_piece(stream, to.count, to.width, y.contiguous(),
                   [&](int64_t r, int64_t begin, int64_t end) { std::fill(to[r] + begin, to[r] + end, T(Wide<T>(value))); });
  });
}

void copy(Stream& stream, Tensor& y, const Tensor& x) {
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> from = x.as_rows<T>();
    for_each_piece(
        stream, to.count, to.width, y.contiguous() && x.contiguous(),
        [&](int64_t r, int64_t begin, int64_t end) { std::copy(from[r] + begin, from[r] + end, to[r] + begin); });
  });
}

void add(Stream& stream, Tensor& y, const Tensor& a, const Tensor& b) {
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> left = a.as_rows<T>(), right = b.as_rows<T>();
    const auto sum_of_two = [](T x, T z) { return T(Wide<T>(x) + Wide<T>(z)); };
    for_each_piece(stream, to.count, to.width, y.contiguous() && a.contiguous() && b.contiguous(),
                   [&](int64_t r, int64_t begin, int64_t end) {
                     T* const sum = to[r];
                     const T *const first = left[r], *const second = right[r];
                     if (sum == first) {  // said apart, because compilers vectorise only what they can tell apart
                       for (int64_t i = begin; i < end; ++i) sum[i] = sum_of_two(sum[i], second[i]);
                     } else if (sum == second) {
                       for (int64_t i = begin; i < end; ++i) sum[i] = sum_of_two(sum[i], first[i]);
                     } else {
                       for (int64_t i = begin; i < end; ++i) sum[i] = sum_of_two(first[i], second[i]);
                     }
                   });
  });
}

void convert(Stream& stream, Tensor& y, const Tensor& x) {
  visit_stored(y.dtype(), [&]<class To>() {
    visit_stored(x.dtype(), [&]<class From>() {
      const Rows<To> to = y.as_rows<To>();
      const Rows<const From> from = x.as_rows<From>();
      using Middle = std::conditional_t<std::is_same_v<From, double> && std::is_same_v<To, double>, double, float>;
      for_each_piece(stream, to.count, to.width, y.contiguous() && x.contiguous(),
                     [&](int64_t r, int64_t begin, int64_t end) {
                       To* const out = to[r];
                       const From* const in = from[r];
                       for (int64_t i = begin; i < end; ++i) out[i] = To(Middle(in[i]));
                     });
    });
  });
}

void scale(Stream& stream, Tensor& y, const Tensor& factor) {
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Wide<T> by = factor.data<Wide<T>>()[0];
    for_each_piece(stream, to.count, to.width, y.contiguous(), [&](int64_t r, int64_t begin, int64_t end) {
      T* const out = to[r];
      for (int64_t i = begin; i < end; ++i) out[i] = T(Wide<T>(out[i]) * by);
    });
  });
}

void add_bias(Stream& stream, Tensor& y, const Tensor& bias) {
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Wide<T>* const b = bias.data<Wide<T>>();
    for_each_piece(stream, to.count, to.width, false, [&](int64_t r, int64_t begin, int64_t end) {
      T* const out = to[r];
      for (int64_t i = begin; i < end; ++i) out[i] = T(Wide<T>(out[i]) + b[i]);
    });
  });
}

// Threads share the columns, so each sum is taken in the order of the rows.
void add_column_sums(Stream& stream, Tensor& sums, Tensor&, const Tensor& y) {
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<const T> from = y.as_rows<T>();
    Wide<T>* const to = sums.data<Wide<T>>();
    stream.parallel(from.width, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = 0; r < from.count; ++r) {
        const T* const row = from[r];
        for (int64_t i = begin; i < end; ++i) to[i] += Wide<T>(row[i]);
      }
    });
  });
}

}  // namespace hone::kernels::cpu
