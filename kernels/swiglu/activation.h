// What a gate's activation is: act(g) = g * sigmoid(argument(g)).
#pragma once

namespace hone::kernels {

enum class Activation { silu, gelu_tanh };

#ifdef __CUDACC__
template <Activation activation, class T>
__host__ __device__ T activation_argument(T g);
template <Activation activation, class T>
__host__ __device__ T activation_slope(T g);
#endif
template <Activation activation, class T>
inline T activation_argument(T g) {
  if constexpr (activation == Activation::silu) return g;
  return T(1.5957691216057308) * (g + T(0.044715) * g * g * g);  // 2 √(2 / π)
}
// The argument's derivative.
template <Activation activation, class T>
inline T activation_slope(T g) {
  if constexpr (activation == Activation::silu) return T(1);
  return T(1.5957691216057308) * (1 + T(3 * 0.044715) * g * g);
}

// Calls body for the activation as a template argument.
template <class F>
void visit_activation(Activation activation, F&& body) {
  if (activation == Activation::silu) return body.template operator()<Activation::silu>();
  body.template operator()<Activation::gelu_tanh>();
}

}  // namespace hone::kernels
