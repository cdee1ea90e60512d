#include "kernels/linear_cross_entropy/linear_cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/lanes.h"

namespace hone::kernels::cpu {

void gather_rows(Stream& stream, Tensor& y, const Tensor& x, const Tensor& rows) {
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> from = x.as_rows<T>();
    stream.parallel(to.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) std::copy_n(from[rows.data<int32_t>()[r]], to.width, to[r]);
    });
  });
}

void scatter_rows(Stream& stream, Tensor& y, const Tensor& x, const Tensor& rows) {  // each row at most once
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> from = x.as_rows<T>();
    stream.parallel(from.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) std::copy_n(from[r], to.width, to[rows.data<int32_t>()[r]]);
    });
  });
}

namespace {
// to[i] = from[i] * factor, where the two may be the same memory: said apart, because compilers vectorise only what
// they can tell apart.
template <class T>
void scaled(T* to, Wide<T>* from, Wide<T> factor, int64_t n) {
  if constexpr (std::is_same_v<T, Wide<T>>) {
    if (to == from) {
      for (int64_t i = 0; i < n; ++i) to[i] *= factor;
      return;
    }
  }
  for (int64_t i = 0; i < n; ++i) to[i] = T(from[i] * factor);
}
}  // namespace

// A row at a time, which stays in the cache between its passes: the largest, the weights and their sum, the gradient.
void softmax_loss(Stream& stream, Tensor& losses, Tensor& log_sum_exp, Tensor* dlogits, Tensor& logits,
                  const Tensor& labels) {
  visit_stored(dlogits ? dlogits->dtype() : logits.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<Sum> rows = logits.as_rows<Sum>();
    const Rows<T> to = dlogits ? dlogits->as_rows<T>() : Rows<T>{};
    Sum *const lse = log_sum_exp.data<Sum>(), *const loss = losses.data<Sum>();
    const int32_t* const label = labels.data<int32_t>();
    stream.parallel(rows.count, 4, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        Sum* const z = rows[r];
        const Sum of_label = z[label[r]], best = largest_of(rows.width, z[0], [&](int64_t i) { return z[i]; });
        double sum = 0;
        if (dlogits) {
          for (int64_t i = 0; i < rows.width; ++i) z[i] = exp_of(z[i] - best);
          sum = sum_of<double>(rows.width, [&](int64_t i) { return z[i]; });
        } else {
          sum = sum_of<double>(rows.width, [&](int64_t i) { return exp_of(z[i] - best); });
        }
        lse[r] = best + Sum(std::log(sum));
        loss[r] = lse[r] - of_label;
        if (!dlogits) continue;
        const Sum inverse = Sum(1 / sum), gradient = z[label[r]] * inverse - Sum(1);
        scaled(to[r], z, inverse, rows.width);
        to[r][label[r]] = T(gradient);
      }
    });
  });
}

void softmax_gradient(Stream& stream, Tensor& dlogits, const Tensor& logits, const Tensor& log_sum_exp,
                      const Tensor& labels) {
  visit_stored(dlogits.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<T> to = dlogits.as_rows<T>();
    const Rows<const Sum> rows = logits.as_rows<Sum>();
    const Sum* const lse = log_sum_exp.data<Sum>();
    const int32_t* const label = labels.data<int32_t>();
    stream.parallel(rows.count, 4, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const Sum* const z = rows[r];
        T* const dz = to[r];
        const Sum log_sum = lse[r], of_label = exp_of(z[label[r]] - log_sum) - Sum(1);
        if constexpr (std::is_same_v<T, Sum>) {  // in place, said apart as compilers vectorise only what they can tell apart
          if (dz == z) {
            for (int64_t i = 0; i < rows.width; ++i) dz[i] = exp_of(dz[i] - log_sum);
            dz[label[r]] = of_label;
            continue;
          }
        }
        for (int64_t i = 0; i < rows.width; ++i) dz[i] = T(exp_of(z[i] - log_sum));
        dz[label[r]] = T(of_label);
      }
    });
  });
}

void sum_in_order(Stream&, Tensor& total, const Tensor& values) {
  visit_float(values.dtype(), [&]<class T>() {
    double sum = 0;
    for (int64_t i = 0; i < values.elements(); ++i) sum += double(values.data<T>()[i]);
    total.data<T>()[0] = T(sum);
  });
}

}  // namespace hone::kernels::cpu
