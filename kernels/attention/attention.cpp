#include "kernels/attention/attention.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void attention(Stream&, Tensor&, Tensor&, const Tensor&, const Tensor&, const Tensor&, const DocumentOffsets&,
               const AttentionShape&);
void attention_backward(Stream&, Tensor&, Tensor&, Tensor&, Tensor& delta, const Tensor&, const Tensor&, const Tensor&,
                        const Tensor&, const Tensor&, const Tensor&, const DocumentOffsets&, const AttentionShape&);
}  // namespace cpu
namespace cuda {
decltype(cpu::attention) attention;
decltype(cpu::attention_backward) attention_backward;
}  // namespace cuda

void attention(Stream& stream, Tensor& o, Tensor& log_sum_exp, const Tensor& q, const Tensor& k, const Tensor& v,
               const DocumentOffsets& documents, const AttentionShape& shape) {
  const Check check("attention", stream);
  const int64_t tokens = q.rows();
  check("q", q, {tokens, shape.heads * shape.head_dim}, q.dtype());
  check("k", k, {tokens, shape.kv_heads * shape.head_dim}, q.dtype());
  check("v", v, {tokens, shape.kv_heads * shape.head_dim}, q.dtype());
  check("o", o, q.shape(), q.dtype());
  check("log_sum_exp", log_sum_exp, {tokens, shape.heads}, q.dtype());
  check.that(shape.heads % shape.kv_heads == 0, "heads (", shape.heads, ") must be a multiple of kv_heads (",
             shape.kv_heads, ")");
  check.that(documents.host && documents.host->back() == tokens, "documents must end at ", tokens);
  run_on<&cpu::attention, &cuda::attention>(stream, o, log_sum_exp, q, k, v, documents, shape);
}

void attention_backward(Stream& stream, Tensor& dq, Tensor& dk, Tensor& dv, const Tensor& dout, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& log_sum_exp,
                        const DocumentOffsets& documents, const AttentionShape& shape) {
  Check("attention_backward", stream)("dout", dout, o.shape(), o.dtype());
  Tensor delta(stream, log_sum_exp.shape(), q.dtype());  // sum over head_dim of dout * o
  run_on<&cpu::attention_backward, &cuda::attention_backward>(stream, dq, dk, dv, delta, dout, q, k, v, o, log_sum_exp,
                                                              documents, shape);
}

}  // namespace hone::kernels
