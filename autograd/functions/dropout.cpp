#include "kernels/dropout/dropout.h"

#include "autograd/functions.h"

namespace hone::autograd {

namespace {
Tensor dropped(Stream& stream, const Tensor& x, double p, const RandomKey& key) {
  Tensor y(stream, x.shape(), x.dtype());
  kernels::dropout(stream, y, x, p, key);
  return y;
}
}  // namespace

Var dropout(Tape& tape, const Var& x, double p, const RandomKey& key) {
  if (p == 0) return x;
  Remake remake = [x = tape.save(x), p, key](Stream& stream) { return dropped(stream, x.get(stream), p, key); };
  return tape.record("dropout", {dropped(tape.stream(), x.value(), p, key), std::move(remake)}, {x},
                     [p, key, x = x.slot()](std::span<Tensor> dys, GradSink& grads) {
                       grads.add(x, dropped(grads.stream(), dys[0], p, key));
                     });
}

}  // namespace hone::autograd
