#include "kernels/rope/rope.h"

#include "autograd/functions.h"

namespace hone::autograd {

// No remake: nothing keeps q and k before rotation, so remaking would keep one tensor in order not to keep another of
// the same size.
Rotated rope(Tape& tape, const Var& q, const Var& k, const Tensor& turns) {
  Stream& stream = tape.stream();
  Tensor q_out(stream, q.value().shape(), q.value().dtype()), k_out(stream, k.value().shape(), k.value().dtype());
  kernels::rope(stream, q_out, q.value(), turns, kernels::Turn::forward);
  kernels::rope(stream, k_out, k.value(), turns, kernels::Turn::forward);
  std::vector<Var> out = tape.record(
      "rope", {q_out, k_out}, {q, k}, [turns, q = q.slot(), k = k.slot()](std::span<Tensor> dys, GradSink& grads) {
        for (int i = 0; i < 2; ++i) {
          if (!dys[i]) continue;
          Tensor dx = dys[i].sole_owner() ? dys[i] : Tensor(grads.stream(), dys[i].shape(), dys[i].dtype());
          kernels::rope(grads.stream(), dx, dys[i], turns, kernels::Turn::back);
          dys[i] = {};
          grads.add(i == 0 ? q : k, std::move(dx));
        }
      });
  return {std::move(out[0]), std::move(out[1])};
}

}  // namespace hone::autograd
