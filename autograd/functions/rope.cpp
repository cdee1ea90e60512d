#include "kernels/rope/rope.h"

#include "autograd/functions.h"

namespace hone::autograd {

namespace {
Tensor turned(Stream& stream, const Tensor& x, const Tensor& turns, int64_t head_dim) {
  Tensor y(stream, x.shape(), x.dtype());
  kernels::rope(stream, y, x, turns, head_dim, kernels::Turn::forward);
  return y;
}

// A remake only of what is remade itself: else nothing keeps q and k before rotation, and remaking would keep one
// tensor in order not to keep another of the same size.
Output rotation(Tape& tape, const Var& x, const Tensor& turns, int64_t head_dim) {
  Tensor y = turned(tape.stream(), x.value(), turns, head_dim);
  if (!x.remade()) return y;
  return {std::move(y), [x = tape.save(x), turns, head_dim](Stream& stream) {
            return turned(stream, x.get(stream), turns, head_dim);
          }};
}
}  // namespace

Rotated rope(Tape& tape, const Var& q, const Var& k, const Tensor& turns, int64_t head_dim) {
  std::vector<Var> out =
      tape.record("rope", {rotation(tape, q, turns, head_dim), rotation(tape, k, turns, head_dim)}, {q, k},
                  [turns, head_dim, q = q.slot(), k = k.slot()](std::span<Tensor> dys, GradSink& grads) {
                    for (int i = 0; i < 2; ++i) {
                      if (!dys[i]) continue;
                      Tensor dx = dys[i].sole_owner() ? dys[i] : Tensor(grads.stream(), dys[i].shape(), dys[i].dtype());
                      kernels::rope(grads.stream(), dx, dys[i], turns, head_dim, kernels::Turn::back);
                      dys[i] = {};
                      grads.add(i == 0 ? q : k, std::move(dx));
                    }
                  });
  return {std::move(out[0]), std::move(out[1])};
}

}  // namespace hone::autograd
