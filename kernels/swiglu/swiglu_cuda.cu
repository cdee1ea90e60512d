#include <cmath>

#include "kernels/core/cuda/rows.cuh"
#include "kernels/swiglu/swiglu.h"

namespace hone::kernels::cuda {

template <class T, Activation activation, int count>
__global__ void __launch_bounds__(kWalkThreads) swiglu_kernel(Rows<T> y, Rows<const T> gate, Rows<const T> up) {
  struct Inputs {
    Vector<T, count> gate, up;
  };
  walk<count>(
      y.count, y.width,
      [&](int64_t row, int64_t i) {
        return Inputs{load_vector<count>(row_of(gate, row) + i), load_vector<count>(row_of(up, row) + i)};
      },
      [&](int64_t row, int64_t i, const Inputs& in) {
        const auto g = widened(in.gate), u = widened(in.up);
        Vector<Computed<T>, count> v;
#pragma unroll
        for (int j = 0; j < count; ++j)
          v.value[j] = g.value[j] / (1 + std::exp(-activation_argument<activation>(g.value[j]))) * u.value[j];
        store_vector(row_of(y, row) + i, narrowed<T>(v));
      });
}

template <class T>
struct SwigluGradient {
  Rows<T> dgate, dup;
  Rows<const T> dy, gate, up;
};

template <class T, Activation activation, int count>
__global__ void __launch_bounds__(kWalkThreads) swiglu_backward_kernel(const __grid_constant__ SwigluGradient<T> p) {
  struct Inputs {
    Vector<T, count> dy, gate, up;
  };
  walk<count>(
      p.dy.count, p.dy.width,
      [&](int64_t row, int64_t i) {
        return Inputs{load_vector<count>(row_of(p.dy, row) + i), load_vector<count>(row_of(p.gate, row) + i),
                      load_vector<count>(row_of(p.up, row) + i)};
      },
      [&](int64_t row, int64_t i, const Inputs& in) {
        const auto dy = widened(in.dy), g = widened(in.gate), u = widened(in.up);
        Vector<Computed<T>, count> dgate, dup;
#pragma unroll
        for (int j = 0; j < count; ++j) {
          const Computed<T> sigmoid = 1 / (1 + std::exp(-activation_argument<activation>(g.value[j]))),
                            slope = activation_slope<activation>(g.value[j]);
          dgate.value[j] = dy.value[j] * u.value[j] * sigmoid * (1 + g.value[j] * (1 - sigmoid) * slope);
          dup.value[j] = dy.value[j] * g.value[j] * sigmoid;
        }
        store_vector(row_of(p.dgate, row) + i, narrowed<T>(dgate));
#ifndef MUTANT_SWIGLU_WRONG_STRIDE
        store_vector(row_of(p.dup, row) + i, narrowed<T>(dup));
#else
        store_vector(p.dup.data + row * p.dgate.stride + i, narrowed<T>(dup));
#endif
      });
}

void swiglu(Stream& stream, Tensor& y, const Tensor& gate, const Tensor& up, Activation activation) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    auto to = native(y.as_rows<Stored>());
    auto gates = native(gate.as_rows<Stored>()), ups = native(up.as_rows<Stored>());
    flatten(to, gates, ups);
    visit_activation(activation, [&]<Activation chosen>() {
      in_vectors<kVector<T>>(aligned(to, gates, ups), [&]<int count>() {
        launch(stream, swiglu_kernel<T, chosen, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, gates, ups);
      });
    });
  });
}

void swiglu_backward(Stream& stream, Tensor& dgate, Tensor& dup, const Tensor& dy, const Tensor& gate, const Tensor& up,
                     Activation activation) {
  visit_stored(dy.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    SwigluGradient<T> p{native(dgate.as_rows<Stored>()), native(dup.as_rows<Stored>()), native(dy.as_rows<Stored>()),
                        native(gate.as_rows<Stored>()), native(up.as_rows<Stored>())};
    flatten(p.dgate, p.dup, p.dy, p.gate, p.up);
    visit_activation(activation, [&]<Activation chosen>() {
      in_vectors<kVector<T>>(aligned(p.dgate, p.dup, p.dy, p.gate, p.up), [&]<int count>() {
        launch(stream, swiglu_backward_kernel<T, chosen, count>, walk_grid<count>(p.dy), {kWalkThreads}, 0, p);
      });
    });
  });
}

}  // namespace hone::kernels::cuda
