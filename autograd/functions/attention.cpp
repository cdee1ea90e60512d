#include "kernels/attention/attention.h"

#include "autograd/functions.h"

namespace hone::autograd {

Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, const DocumentOffsets& documents,
              const kernels::AttentionShape& shape) {
  Stream& stream = tape.stream();
  Tensor o(stream, q.value().shape(), q.value().dtype()),
      log_sum_exp(stream, {q.value().rows(), shape.heads}, wide_of(q.value().dtype()));
  kernels::attention(stream, o, log_sum_exp, q.value(), k.value(), v.value(), documents, shape);
  return tape.record(
      "attention", o, {q, k, v},
      [o, log_sum_exp, documents, shape, q_saved = tape.save(q), k_saved = tape.save(k), v_saved = tape.save(v),
       q = q.slot(), k = k.slot(), v = v.slot()](std::span<Tensor> dys, GradSink& grads) {
        Stream& stream = grads.stream();
        const Tensor &qv = q_saved.get(stream), &kv = k_saved.get(stream), &vv = v_saved.get(stream);
        Tensor dq(stream, qv.shape(), qv.dtype()), dk(stream, kv.shape(), kv.dtype()),
            dv(stream, vv.shape(), vv.dtype());
        kernels::attention_backward(stream, dq, dk, dv, dys[0], qv, kv, vv, o, log_sum_exp, documents, shape);
        grads.add(q, std::move(dq));
        grads.add(k, std::move(dk));
        grads.add(v, std::move(dv));
      });
}

}  // namespace hone::autograd
