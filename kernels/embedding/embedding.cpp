#include "kernels/embedding/embedding.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void embedding(Stream&, Tensor&, const Tensor&, const Tensor&);
void embedding_backward(Stream&, Tensor&, const Tensor&, const Tensor&);
}  // namespace cpu
namespace cuda {
decltype(cpu::embedding) embedding;
decltype(cpu::embedding_backward) embedding_backward;
}  // namespace cuda

void embedding(Stream& stream, Tensor& y, const Tensor& tokens, const Tensor& table) {
  const Check check("embedding", stream);
  check("tokens", tokens, {tokens.elements()}, DType::int32);
  check("y", y, {tokens.elements(), table.width()}, y.dtype());
  run_on<&cpu::embedding, &cuda::embedding>(stream, y, tokens, table);
}

void embedding_backward(Stream& stream, Tensor& dtable, const Tensor& dy, const Tensor& tokens) {
  Check("embedding_backward", stream)("dy", dy, {tokens.elements(), dtable.width()}, dy.dtype());
  run_on<&cpu::embedding_backward, &cuda::embedding_backward>(stream, dtable, dy, tokens);
}

}  // namespace hone::kernels
