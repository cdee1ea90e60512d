#include "kernels/attention/attention.h"

#include <algorithm>
#include <array>

#include "kernels/attention/attention_library.h"
#include "kernels/attention/scratch.h"
#include "kernels/attention/shape.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void attention(Stream&, Tensor&, Tensor&, LibraryAttention&, const Tensor&, const Tensor&, const Tensor&,
               const DocumentOffsets&, const AttentionShape&);
void attention_backward(Stream&, Tensor&, Tensor&, Tensor&, AttentionScratch&, const Tensor&, const Tensor&,
                        const Tensor&, const Tensor&, const Tensor&, const Tensor&, const DocumentOffsets&,
                        const AttentionShape&);
}  // namespace cpu
namespace cuda {
decltype(cpu::attention) attention;
decltype(cpu::attention_backward) attention_backward;
}  // namespace cuda

namespace {
void check_arguments(const Check& check, Stream& stream, const Tensor& q, const Tensor& k, const Tensor& v,
                     const Tensor& o, const Tensor& log_sum_exp, const DocumentOffsets& documents,
                     const AttentionShape& shape) {
  const int64_t tokens = q.rows();
  check_shape(check, stream, shape, q.dtype());
  check("q", q, {tokens, shape.heads * shape.head_dim}, q.dtype());
  check("k", k, {tokens, shape.kv_heads * shape.head_dim}, q.dtype());
  check("v", v, {tokens, shape.kv_heads * shape.head_dim}, q.dtype());
  check("o", o, q.shape(), q.dtype());
  check("log_sum_exp", log_sum_exp, {tokens, shape.heads}, wide_of(q.dtype()));
  check.that(documents.host && !documents.host->empty() && documents.host->front() == 0 &&
                 documents.host->back() == tokens && std::is_sorted(documents.host->begin(), documents.host->end()),
             "documents must rise from 0 to ", tokens);
  check.that(stream.target() != DeviceType::cuda || (documents.tiles && documents.tiles.device() == stream.device()),
             "documents must be made by documents_on for this stream");
}

// Are there so many heads of documents that they alone keep threads busy? By shape, so that the bits do not depend on
// how many threads there are. (In bfloat16 the fifth product, of a transposed matrix, costs what two others save.)
bool enough_heads(const DocumentOffsets& documents, const AttentionShape& shape) {
  constexpr int64_t kEnough = 8;
  int64_t count = 0;
  for (size_t d = 0; d + 1 < documents.host->size(); ++d) count += (*documents.host)[d] < (*documents.host)[d + 1];
  return count * shape.heads >= kEnough;
}

// Of one of attention's products, q kᵀ say, over what queries see.
double product_flops(const DocumentOffsets& documents, const AttentionShape& shape) {
  double pairs = 0;
  for (size_t d = 0; d + 1 < documents.host->size(); ++d) {
    const double length = double((*documents.host)[d + 1] - (*documents.host)[d]),
                 reach = std::min(length, double(shape.reach()));
    pairs += reach * (reach + 1) / 2 + (length - reach) * reach;
  }
  return 2 * pairs * double(shape.heads * shape.head_dim);
}
}  // namespace

void attention(Stream& stream, Tensor& o, Tensor& log_sum_exp, const Tensor& q, const Tensor& k, const Tensor& v,
               const DocumentOffsets& documents, const AttentionShape& shape) {
  const Check check("attention", stream);
  check_arguments(check, stream, q, k, v, o, log_sum_exp, documents, shape);
  LibraryAttention library;
  if (q.contiguous() && k.contiguous() && v.contiguous() && o.contiguous() && log_sum_exp.contiguous())
    library = library_attention(stream, false, documents, shape);
  count_flops(stream, 2 * product_flops(documents, shape));
  run_on<&cpu::attention, &cuda::attention>(stream, o, log_sum_exp, library, q, k, v, documents, shape);
}

void attention_backward(Stream& stream, Tensor& dq, Tensor& dk, Tensor& dv, const Tensor& dout, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& log_sum_exp,
                        const DocumentOffsets& documents, const AttentionShape& shape) {
  const Check check("attention_backward", stream);
  check_arguments(check, stream, q, k, v, o, log_sum_exp, documents, shape);
  check("dout", dout, o.shape(), o.dtype());
  check("dq", dq, q.shape(), q.dtype());
  check("dk", dk, k.shape(), q.dtype());
  check("dv", dv, v.shape(), q.dtype());
  AttentionScratch scratch{
      .delta = Tensor(stream, log_sum_exp.shape(), log_sum_exp.dtype()),
      .by_heads = stream.target() == DeviceType::cpu && q.dtype() != DType::bfloat16 && enough_heads(documents, shape),
      .dk = {},
      .dv = {},
      .library = {}};
  if (scratch.by_heads && shape.heads > shape.kv_heads)
    for (Tensor* part : {&scratch.dk, &scratch.dv}) *part = Tensor(stream, q.shape(), q.dtype());
  const std::array<const Tensor*, 9> all{&dq, &dk, &dv, &dout, &q, &k, &v, &o, &log_sum_exp};
  if (std::ranges::all_of(all, [](const Tensor* tensor) { return tensor->contiguous(); }))
    scratch.library = library_attention(stream, true, documents, shape);
  const bool five = scratch.by_heads || scratch.library;
  count_flops(stream, (five ? 5 : 7) * product_flops(documents, shape));
  run_on<&cpu::attention_backward, &cuda::attention_backward>(stream, dq, dk, dv, scratch, dout, q, k, v, o,
                                                              log_sum_exp, documents, shape);
}

}  // namespace hone::kernels
