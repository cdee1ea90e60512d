#include <cmath>

#include "kernels/core/lanes.h"
#include "kernels/rms_norm/rms_norm.h"

namespace hone::kernels::cpu {

namespace {
template <class T>
Wide<T> inverse_rms(const T* x, int64_t width, double eps) {
  const double squares = sum_of<double>(width, [&](int64_t i) { return double(x[i]) * double(x[i]); });
  return Wide<T>(1 / std::sqrt(squares / double(width) + eps));
}
template <class T>
void normalize(T* y, const T* x, Wide<T> inv_rms, const Wide<T>* weight, int64_t width) {
  for (int64_t i = 0; i < width; ++i) y[i] = T(Wide<T>(x[i]) * inv_rms * weight[i]);
}
}  // namespace

void rms_norm(Stream& stream, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& weight, double eps) {
  visit_stored(x.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> from = x.as_rows<T>();
    Sum* const inverse = inv_rms.data<Sum>();
    const Sum* const w = weight.data<Sum>();
    stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        inverse[r] = inverse_rms(from[r], to.width, eps);
        normalize(to[r], from[r], inverse[r], w, to.width);
      }
    });
  });
}

void residual_rms_norm(Stream& stream, Tensor& sum, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& delta,
                       const Tensor& weight, double eps) {
  visit_stored(x.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<T> to = y.as_rows<T>(), s = sum.as_rows<T>();
    const Rows<const T> left = x.as_rows<T>(), right = delta.as_rows<T>();
    Sum* const inverse = inv_rms.data<Sum>();
    const Sum* const w = weight.data<Sum>();
    stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        for (int64_t i = 0; i < to.width; ++i) s[r][i] = T(Sum(left[r][i]) + Sum(right[r][i]));
        inverse[r] = inverse_rms(s[r], to.width, eps);
        normalize(to[r], s[r], inverse[r], w, to.width);
      }
    });
  });
}

void rms_norm_apply(Stream& stream, Tensor& y, const Tensor& x, const Tensor& inv_rms, const Tensor& weight) {
  visit_stored(x.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> from = x.as_rows<T>();
    stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) normalize(to[r], from[r], inv_rms.data<Sum>()[r], weight.data<Sum>(), to.width);
    });
  });
}

// dx = inv_rms * (dy * weight - x * inv_rms² * mean(dy * weight * x))
void rms_norm_input_gradient(Stream& stream, Tensor& dx, const Tensor& dy, const Tensor& x, const Tensor& inv_rms,
                             const Tensor& weight, const Tensor* dx_add) {
  visit_stored(x.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<T> to = dx.as_rows<T>();
    const Rows<const T> g = dy.as_rows<T>(), from = x.as_rows<T>();
    const Rows<const T> more = dx_add ? dx_add->as_rows<T>() : Rows<const T>{};
    const Sum *const inverse = inv_rms.data<Sum>(), *const w = weight.data<Sum>();
    stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T *const gr = g[r], *const xr = from[r], *const add = dx_add ? more[r] : nullptr;
        T* const out = to[r];
        const double dot =
            sum_of<double>(to.width, [&](int64_t i) { return double(gr[i]) * double(w[i]) * double(xr[i]); });
        const Sum scale = inverse[r], pull = Sum(dot / double(to.width)) * scale * scale;
        if (add) {  // each element is read before it is written: dx_add may be dx
          for (int64_t i = 0; i < to.width; ++i) out[i] = T(scale * (Sum(gr[i]) * w[i] - Sum(xr[i]) * pull) + Sum(add[i]));
        } else {
          for (int64_t i = 0; i < to.width; ++i) out[i] = T(scale * (Sum(gr[i]) * w[i] - Sum(xr[i]) * pull));
        }
      }
    });
  });
}

// Threads share the columns: each sums its rows in order.
void rms_norm_weight_gradient(Stream& stream, Tensor& dweight, Tensor&, const Tensor& dy, const Tensor& x,
                              const Tensor& inv_rms) {
  visit_stored(x.dtype(), [&]<class T>() {
    using Sum = Wide<T>;
    const Rows<const T> g = dy.as_rows<T>(), from = x.as_rows<T>();
    const Sum* const inverse = inv_rms.data<Sum>();
    Sum* const dw = dweight.data<Sum>();
    stream.parallel(from.width, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = 0; r < from.count; ++r)
        for (int64_t i = begin; i < end; ++i)
          dw[i] += Sum(g.data[r * g.stride + i]) * Sum(from.data[r * from.stride + i]) * inverse[r];
    });
  });
}

}  // namespace hone::kernels::cpu
