#include "kernels/linear_cross_entropy/linear_cross_entropy.h"

#include "autograd/functions.h"
#include "kernels/elementwise/elementwise.h"

namespace hone::autograd {

Var linear_cross_entropy(Tape& tape, const Var& h, const Weight& weight, const Targets& targets, int64_t chunk,
                         double softcap) {
  Stream& stream = tape.stream();
  const ParameterPtr* const parameter = std::get_if<ParameterPtr>(&weight);
  const kernels::LinearWeight value = operand(weight);
  const Var w = parameter ? tape.parameter(*parameter) : tape.constant({});
  const DType dtype = wide_of(h.value().dtype());
  Tensor loss(stream, {1}, dtype), losses(stream, {targets.count}, dtype), log_sum_exp(stream, {targets.count}, dtype);
  Tensor unit_dh;  // with a frozen head the gradient of h is made now, for a seed of 1, and scaled on the way back
  if (h.wanted() && !w.wanted() && tape.recording()) unit_dh = Tensor(stream, h.value().shape(), h.value().dtype());
  kernels::linear_cross_entropy(stream, losses, log_sum_exp, unit_dh ? &unit_dh : nullptr, h.value(), value, targets,
                                chunk, softcap);
  kernels::sum_in_order(stream, loss, losses);
  return tape.record("linear_cross_entropy", loss, {h, w},
                     [saved = tape.save(h, w.wanted()), value, log_sum_exp, targets, chunk, softcap, unit_dh,
                      h = h.slot(), w = w.slot()](std::span<Tensor> dys, GradSink& grads) mutable {
                       Stream& stream = grads.stream();
                       if (unit_dh) {
                         kernels::scale(stream, unit_dh, dys[0]);
                         return grads.add(h, std::move(unit_dh));
                       }
                       const Tensor& hidden = saved.get(stream);
                       Tensor dh;
                       if (h.wanted()) dh = Tensor(stream, hidden.shape(), hidden.dtype());
                       kernels::linear_cross_entropy_backward(stream, dh ? &dh : nullptr,
                                                              w.wanted() ? &grads.accumulator(w) : nullptr, dys[0],
                                                              hidden, value, log_sum_exp, targets, chunk, softcap);
                       grads.add(h, std::move(dh));
                     });
}

}  // namespace hone::autograd
