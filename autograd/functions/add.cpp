#include "autograd/functions.h"
#include "kernels/elementwise/elementwise.h"

namespace hone::autograd {

Var add(Tape& tape, const Var& a, const Var& b) {
  Tensor y(tape.stream(), a.value().shape(), a.value().dtype());
  kernels::add(tape.stream(), y, a.value(), b.value());
  return tape.record("add", y, {a, b}, [a = a.slot(), b = b.slot()](std::span<Tensor> dys, GradSink& grads) {
    grads.add(a, dys[0]);
    grads.add(
        b, std::move(dys[0]));  // both slots see one memory now, so neither is written in place until the other is done
  });
}

}  // namespace hone::autograd
