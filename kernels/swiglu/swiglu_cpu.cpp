#include <cmath>

#include "kernels/swiglu/swiglu.h"

namespace hone::kernels::cpu {

void swiglu(Stream& stream, Tensor& y, const Tensor& gate, const Tensor& up) {
  visit_float(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> g = gate.as_rows<T>(), u = up.as_rows<T>();
    stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        for (int64_t i = 0; i < to.width; ++i) to[r][i] = g[r][i] / (1 + std::exp(-g[r][i])) * u[r][i];
    });
  });
}

void swiglu_backward(Stream& stream, Tensor& dgate, Tensor& dup, const Tensor& dy, const Tensor& gate,
                     const Tensor& up) {
  visit_float(dy.dtype(), [&]<class T>() {
    const Rows<T> dg = dgate.as_rows<T>(), du = dup.as_rows<T>();
    const Rows<const T> d = dy.as_rows<T>(), g = gate.as_rows<T>(), u = up.as_rows<T>();
    stream.parallel(d.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        for (int64_t i = 0; i < d.width; ++i) {
          const T sigmoid = 1 / (1 + std::exp(-g[r][i])), dy_i = d[r][i];
          dg[r][i] = dy_i * u[r][i] * sigmoid * (1 + g[r][i] * (1 - sigmoid));
          du[r][i] = dy_i * g[r][i] * sigmoid;
        }
    });
  });
}

}  // namespace hone::kernels::cpu
