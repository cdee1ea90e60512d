#include "kernels/swiglu/swiglu.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void swiglu(Stream&, Tensor&, const Tensor&, const Tensor&, Activation);
void swiglu_backward(Stream&, Tensor&, Tensor&, const Tensor&, const Tensor&, const Tensor&, Activation);
}  // namespace cpu
namespace cuda {
decltype(cpu::swiglu) swiglu;
decltype(cpu::swiglu_backward) swiglu_backward;
}  // namespace cuda

void swiglu(Stream& stream, Tensor& y, const Tensor& gate, const Tensor& up, Activation activation) {
  const Check check("swiglu", stream);
  check("gate", gate, y.shape(), y.dtype());
  check("up", up, y.shape(), y.dtype());
  run_on<&cpu::swiglu, &cuda::swiglu>(stream, y, gate, up, activation);
}

void swiglu_backward(Stream& stream, Tensor& dgate, Tensor& dup, const Tensor& dy, const Tensor& gate, const Tensor& up,
                     Activation activation) {
  Check("swiglu_backward", stream)("dy", dy, gate.shape(), gate.dtype());
  run_on<&cpu::swiglu_backward, &cuda::swiglu_backward>(stream, dgate, dup, dy, gate, up, activation);
}

}  // namespace hone::kernels
