#include "kernels/linear_cross_entropy/linear_cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/lanes.h"
#include "kernels/linear_cross_entropy/running_softmax.h"

namespace hone::kernels::cpu {

namespace {
// About a rounding from exact: a series where 1 - e to the -2x would cancel. A choice of values and no branch.
template <class T>
[[gnu::always_inline]] inline T tanh_of(T x) {
  if constexpr (std::is_same_v<T, double>) return std::tanh(x);
  const T size = x < 0 ? -x : x, square = x * x, e = exp_of(-2 * size), large = (1 - e) / (1 + e);
  const T series = T(-17. / 315) + square * T(62. / 2835);
  const T small = size + size * square * (T(-1. / 3) + square * (T(2. / 15) + square * series));
  const T result = size < T(0.2) ? small : large;
  return x < 0 ? -result : result;
}
// What a soft cap's derivative is where its value is z.
template <class T>
[[gnu::always_inline]] inline T softcap_slope(T z, T softcap) {
  return 1 - (z / softcap) * (z / softcap);
}
}  // namespace

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
    const Rows<const Wide<T>> from = x.as_rows<Wide<T>>();
    stream.parallel(from.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        T* const out = to[rows.data<int32_t>()[r]];
        for (int64_t i = 0; i < from.width; ++i) out[i] = T(from[r][i]);
      }
    });
  });
}

// A row at a time, which stays in the cache between its passes: the largest, the weights and their sum. weights[i] =
// e to the (logit - best), where best is the largest so far; what was added up with an earlier one shrinks.
void softmax_block(Stream& stream, RunningSoftmax& running, Tensor* weights, Tensor* sums, Tensor& logits,
                   const Tensor& labels, int64_t first, double softcap) {
  visit_stored(weights ? weights->dtype() : logits.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<Sum> rows = logits.as_rows<Sum>(), so_far = sums ? sums->as_rows<Sum>() : Rows<Sum>{};
    const Rows<T> to = weights ? weights->as_rows<T>() : Rows<T>{};
    Sum *const bests = running.best.data<Sum>(), *const of_label = running.of_label.data<Sum>();
    double* const totals = running.sum.data<double>();
    const Sum cap = Sum(softcap);
    stream.parallel(rows.count, 4, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        Sum* const z = rows[r];
        const int64_t label = labels.data<int32_t>()[r] - first;
        if (cap > 0)
          for (int64_t i = 0; i < rows.width; ++i) z[i] = cap * tanh_of(z[i] / cap);
        if (label >= 0 && label < rows.width) of_label[r] = z[label];
        const Sum best = largest_of(rows.width, first == 0 ? z[0] : bests[r], [&](int64_t i) { return z[i]; });
        const Sum shrink = first == 0 ? Sum(0) : exp_of(bests[r] - best);
        double sum = 0;
        if (cap > 0) {  // the sum is of the softmax alone, the gradient's weights pass through the cap
          sum = sum_of<double>(rows.width, [&](int64_t i) { return exp_of(z[i] - best); });
          for (int64_t i = 0; i < rows.width; ++i) z[i] = exp_of(z[i] - best) * softcap_slope(z[i], cap);
        } else {
          for (int64_t i = 0; i < rows.width; ++i) z[i] = exp_of(z[i] - best);
          sum = sum_of<double>(rows.width, [&](int64_t i) { return z[i]; });
        }
        if constexpr (!std::is_same_v<T, Sum>)
          if (weights)
            for (int64_t i = 0; i < rows.width; ++i) to[r][i] = T(z[i]);
        totals[r] = first == 0 ? sum : totals[r] * double(shrink) + sum;
        bests[r] = best;
        if (sums)
          for (int64_t i = 0; i < so_far.width; ++i) so_far[r][i] *= shrink;
      }
    });
  });
}

// y[rows[i]] = block[labels[i] - first], where that is one of its rows.
void copy_labelled(Stream&, Tensor& y, const Tensor& rows, const Tensor& block, const Tensor& labels, int64_t first) {
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> from = block.as_rows<T>();
    for (int64_t i = 0; i < labels.elements(); ++i) {
      const int64_t row = labels.data<int32_t>()[i] - first;
      if (row >= 0 && row < from.count) std::copy_n(from[row], from.width, to[rows.data<int32_t>()[i]]);
    }
  });
}

// best becomes log_sum_exp, of_label the loss.
void softmax_loss(Stream&, RunningSoftmax& running) {
  visit_float(running.best.dtype(), [&]<class T>() {
    T *const best = running.best.data<T>(), *const of_label = running.of_label.data<T>();
    for (int64_t i = 0; i < running.best.elements(); ++i) {
      best[i] += T(std::log(running.sum.data<double>()[i]));
      of_label[i] = best[i] - of_label[i];
    }
  });
}

// dh[rows[i]] holds the label's vector: it becomes the mean of all vectors by their weights, less that one.
void softmax_hidden_gradient(Stream& stream, Tensor& dh, const Tensor& rows, const Tensor& sums,
                             const RunningSoftmax& running, double softcap) {
  visit_stored(dh.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<T> to = dh.as_rows<T>();
    const Rows<const Sum> from = sums.as_rows<Sum>();
    stream.parallel(from.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        T* const out = to[rows.data<int32_t>()[r]];
        const Sum* const sum = from[r];
        const Sum inverse = Sum(1 / running.sum.data<double>()[r]);
        // Rounded as the weights are: a label that is all of the softmax has no gradient.
        const Sum slope = softcap > 0 ? Sum(T(softcap_slope(running.of_label.data<Sum>()[r], Sum(softcap)))) : Sum(1);
        for (int64_t i = 0; i < from.width; ++i) out[i] = T(sum[i] * inverse - Sum(out[i]) * slope);
      }
    });
  });
}

void softmax_gradient(Stream& stream, Tensor& dlogits, const Tensor& logits, const Tensor& log_sum_exp,
                      const Tensor& labels, const Tensor& dloss, int64_t first, double softcap) {
  visit_stored(dlogits.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<T> to = dlogits.as_rows<T>();
    const Rows<const Sum> rows = logits.as_rows<Sum>();
    const Sum cap = Sum(softcap);
    const Sum* const lse = log_sum_exp.data<Sum>();
    const Sum seed = dloss.data<Sum>()[0];
    stream.parallel(rows.count, 4, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const Sum* const z = rows[r];
        T* const dz = to[r];
        const Sum log_sum = lse[r];
        const int64_t label = labels.data<int32_t>()[r] - first;
        const bool inside = label >= 0 && label < rows.width;
        if (cap > 0) {
          for (int64_t i = 0; i < rows.width; ++i) {
            const Sum capped = cap * tanh_of(z[i] / cap), one = Sum(i == label);
            dz[i] = T((exp_of(capped - log_sum) - one) * softcap_slope(capped, cap) * seed);
          }
          continue;
        }
        const T of_label = inside ? T((exp_of(z[label] - log_sum) - Sum(1)) * seed) : T();
        if (static_cast<const void*>(dz) == z) {  // said apart: compilers vectorise only what they can tell apart
          for (int64_t i = 0; i < rows.width; ++i) dz[i] = T(exp_of(Sum(dz[i]) - log_sum) * seed);
        } else {
          for (int64_t i = 0; i < rows.width; ++i) dz[i] = T(exp_of(z[i] - log_sum) * seed);
        }
        if (inside) dz[label] = of_label;
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
