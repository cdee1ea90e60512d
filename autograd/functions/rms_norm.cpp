#include "kernels/rms_norm/rms_norm.h"

#include "autograd/functions.h"

namespace hone::autograd {

namespace {
// What a norm sees as a row: x itself, or each of its heads where the weight is a head's.
Tensor heads_of(const Tensor& x, const Tensor& weight) {
  return x.width() == weight.width() ? x : x.view({x.elements() / weight.width(), weight.width()});
}

// x is either stored or itself remade; inv_rms is small and stored, so y comes back bit for bit.
Remake remake_of(Saved x, Tensor inv_rms, Tensor weight) {
  return [x = std::move(x), inv_rms = std::move(inv_rms), weight = std::move(weight)](Stream& stream) {
    const Tensor& from = x.get(stream);
    Tensor y(stream, from.shape(), from.dtype()), rows = heads_of(y, weight);
    kernels::rms_norm_apply(stream, rows, heads_of(from, weight), inv_rms, weight);
    return y;
  };
}
}  // namespace

Var rms_norm(Tape& tape, const Var& x, const Var& weight, double eps) {
  Stream& stream = tape.stream();
  Tensor y(stream, x.value().shape(), x.value().dtype()), rows = heads_of(y, weight.value()),
                                                          inv_rms(stream, {rows.rows()}, wide_of(x.value().dtype()));
  kernels::rms_norm(stream, rows, inv_rms, heads_of(x.value(), weight.value()), weight.value(), eps);
  rows = {};
  const Saved saved = tape.save(x);
  return tape.record("rms_norm", {y, remake_of(saved, inv_rms, weight.value())}, {x, weight},
                     [saved, inv_rms, w = weight.value(), x = x.slot(), weight = weight.slot()](std::span<Tensor> dys,
                                                                                                GradSink& grads) {
                       const Tensor& from = saved.get(grads.stream());
                       const Tensor dy = heads_of(dys[0], w), rows = heads_of(from, w);
                       Tensor* const weights = weight.wanted() ? &grads.accumulator(weight) : nullptr;
                       if (const Tensor* const sum = grads.sum(x)) {
                         Tensor to = heads_of(*sum, w);
                         return kernels::rms_norm_backward(grads.stream(), &to, weights, dy, rows, inv_rms, w, &to);
                       }
                       Tensor dx, to;
                       if (x.wanted()) dx = Tensor(grads.stream(), from.shape(), from.dtype()), to = heads_of(dx, w);
                       kernels::rms_norm_backward(grads.stream(), to ? &to : nullptr, weights, dy, rows, inv_rms, w);
                       to = {};
                       grads.add(x, std::move(dx));
                     });
}

Normed residual_rms_norm(Tape& tape, const Var& x, const Var& delta, const Var& weight, double eps) {
  Stream& stream = tape.stream();
  const Shape shape = x.value().shape();
  const DType dtype = x.value().dtype();
  Tensor sum(stream, shape, dtype), y(stream, shape, dtype), inv_rms(stream, {x.value().rows()}, wide_of(dtype));
  kernels::residual_rms_norm(stream, sum, y, inv_rms, x.value(), delta.value(), weight.value(), eps);
  const Saved saved(sum);  // an output of this op has no Var yet; it is not cheap, so it is kept as it is
  std::vector<Var> out =
      tape.record("residual_rms_norm", {sum, {y, remake_of(saved, inv_rms, weight.value())}}, {x, delta, weight},
                  [saved, inv_rms, w = weight.value(), x = x.slot(), delta = delta.slot(), weight = weight.slot()](
                      std::span<Tensor> dys, GradSink& grads) {
                    Tensor &dsum = dys[0], &dy = dys[1];
                    if (dy) {
                      const Tensor& from = saved.get(grads.stream());
                      Tensor dx;
                      if (x.wanted() || delta.wanted())
                        dx = dsum && dsum.sole_owner() ? dsum : Tensor(grads.stream(), from.shape(), from.dtype());
                      kernels::rms_norm_backward(grads.stream(), dx ? &dx : nullptr,
                                                 weight.wanted() ? &grads.accumulator(weight) : nullptr, dy, from,
                                                 inv_rms, w, dsum ? &dsum : nullptr);
                      dsum = std::move(dx);
                    }
                    grads.add(x, dsum);
                    grads.add(delta, std::move(dsum));
                  });
  return {std::move(out[0]), std::move(out[1])};
}

}  // namespace hone::autograd
