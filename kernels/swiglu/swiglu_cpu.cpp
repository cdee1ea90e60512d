#include "kernels/swiglu/swiglu.h"

#include <algorithm>

#include "kernels/core/lanes.h"

namespace hone::kernels::cpu {

namespace {
template <Activation activation, class T>
[[gnu::always_inline]] inline T sigmoid_of(T g) {
  return 1 / (1 + exp_of(-activation_argument<activation>(g)));
}

// Calls body for the type of the rows and the activation.
template <class F>
void visit(const Tensor& tensor, Activation activation, F&& body) {
  visit_stored(tensor.dtype(), [&]<class T>() {
    visit_activation(activation, [&]<Activation chosen>() { body.template operator()<T, chosen>(); });
  });
}
}  // namespace

void swiglu(Stream& stream, Tensor& y, const Tensor& gate, const Tensor& up, Activation activation) {
  visit(y, activation, [&]<class T, Activation chosen>() {
    using Sum = Wide<T>;
    const Rows<T> to = y.as_rows<T>();
    const Rows<const T> gates = gate.as_rows<T>(), ups = up.as_rows<T>();
    stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        T* const out = to[r];
        const T *const g = gates[r], *const u = ups[r];
        for (int64_t i = 0; i < to.width; ++i)
          out[i] = T(Sum(g[i]) / (1 + exp_of(-activation_argument<chosen>(Sum(g[i])))) * Sum(u[i]));
      }
    });
  });
}

void swiglu_backward(Stream& stream, Tensor& dgate, Tensor& dup, const Tensor& dy, const Tensor& gate, const Tensor& up,
                     Activation activation) {
  visit(dy, activation, [&]<class T, Activation chosen>() {
    using Sum = Wide<T>;
    const Rows<T> dgates = dgate.as_rows<T>(), dups = dup.as_rows<T>();
    const Rows<const T> dys = dy.as_rows<T>(), gates = gate.as_rows<T>(), ups = up.as_rows<T>();
    constexpr int64_t kPiece = 256;
    stream.parallel(dys.count, 16, [&](int64_t begin, int64_t end) {
      T dg[kPiece], du[kPiece];  // dup may be dy: nothing is written before its piece has been read
      for (int64_t r = begin; r < end; ++r)
        for (int64_t at = 0; at < dys.width; at += kPiece) {
          const int64_t n = std::min(kPiece, dys.width - at);
          const T *const d = dys[r] + at, *const g = gates[r] + at, *const u = ups[r] + at;
          for (int64_t i = 0; i < n; ++i) {
            const Sum dyi = Sum(d[i]), gi = Sum(g[i]), sigmoid = sigmoid_of<chosen>(gi);
            dg[i] = T(dyi * Sum(u[i]) * sigmoid * (1 + gi * (1 - sigmoid) * activation_slope<chosen>(gi)));
            du[i] = T(dyi * gi * sigmoid);
          }
          std::copy_n(dg, n, dgates[r] + at);
          std::copy_n(du, n, dups[r] + at);
        }
    });
  });
}

}  // namespace hone::kernels::cpu
