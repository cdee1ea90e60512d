#include "kernels/attention/attention_decode.h"

#include "kernels/attention/shape.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void attention_decode(Stream&, Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, int64_t,
                      const AttentionShape&);
}
namespace cuda {
decltype(cpu::attention_decode) attention_decode;
}

void attention_decode(Stream& stream, Tensor& o, const Tensor& q, const Tensor& k_cache, const Tensor& v_cache,
                      const Tensor& lengths, int64_t capacity, const AttentionShape& shape) {
  const Check check("attention_decode", stream);
  const int64_t sequences = q.rows();
  check_shape(check, stream, shape, q.dtype());
  check("q", q, {sequences, shape.heads * shape.head_dim}, q.dtype());
  check("o", o, q.shape(), q.dtype());
  check("k_cache", k_cache, {sequences * capacity, shape.kv_heads * shape.head_dim}, q.dtype());
  check("v_cache", v_cache, k_cache.shape(), q.dtype());
  check("lengths", lengths, {sequences}, DType::int32);
  run_on<&cpu::attention_decode, &cuda::attention_decode>(stream, o, q, k_cache, v_cache, lengths, capacity, shape);
}

}  // namespace hone::kernels
