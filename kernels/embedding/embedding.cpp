#include "kernels/embedding/embedding.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"
#include "kernels/embedding/scratch.h"

namespace hone::kernels {

namespace cpu {
void embedding(Stream&, Tensor&, const Tensor&, const Tensor&, double scale);
void embedding_backward(Stream&, Tensor&, Tensor& scratch, const Tensor&, const Tensor&, double scale);
}  // namespace cpu
namespace cuda {
decltype(cpu::embedding) embedding;
decltype(cpu::embedding_backward) embedding_backward;
}  // namespace cuda

void embedding(Stream& stream, Tensor& y, const Tensor& tokens, const Tensor& table, double scale) {
  const Check check("embedding", stream);
  check("tokens", tokens, {tokens.elements()}, DType::int32);
  check("y", y, {tokens.elements(), table.width()}, y.dtype());
  const double rows = double(y.elements()) * double(size_of(table.dtype()));
  count_bytes(stream, bytes_of(y) + rows + bytes_of(tokens));  // not the whole table
  run_on<&cpu::embedding, &cuda::embedding>(stream, y, tokens, table, scale);
}

void embedding_backward(Stream& stream, Tensor& dtable, const Tensor& dy, const Tensor& tokens, double scale) {
  const Check check("embedding_backward", stream);
  check("tokens", tokens, {tokens.elements()}, DType::int32);
  check("dy", dy, {tokens.elements(), dtable.width()}, dy.dtype());
  check("dtable", dtable, dtable.shape(), wide_of(dy.dtype()));
  Tensor scratch;
  if (stream.target() == DeviceType::cuda) scratch = Tensor(stream, {sort_scratch(tokens.elements())}, DType::int32);
  const double rows = double(dy.elements()) * double(size_of(dtable.dtype()));
  count_bytes(stream, bytes_of(dy) + 2 * rows + bytes_of(tokens));
  run_on<&cpu::embedding_backward, &cuda::embedding_backward>(stream, dtable, scratch, dy, tokens, scale);
}

}  // namespace hone::kernels
