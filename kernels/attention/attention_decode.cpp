#include "kernels/attention/attention_decode.h"

#include <algorithm>

#include "kernels/attention/shape.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void attention_decode(Stream&, Tensor&, Tensor& partial, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                      int64_t, const AttentionShape&);
}
namespace cuda {
decltype(cpu::attention_decode) attention_decode;
}

namespace {
// Into how many parts the keys of a sequence are split: for cuda as many as give every multiprocessor of a large GPU
// some blocks, of at least 256 keys where the cache is full. By shape, so that the bits depend on nothing else.
int64_t splits_of(int64_t sequences, int64_t capacity, const AttentionShape& shape) {
  constexpr int64_t kBlocks = 512, kLeastKeys = 256;
  const int64_t pieces = std::max<int64_t>(sequences * shape.kv_heads, 1), most = std::min(capacity, shape.reach());
  return std::clamp<int64_t>(kBlocks / pieces, 1, std::max<int64_t>(most / kLeastKeys, 1));
}
}  // namespace

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
  Tensor partial;  // what each part has: sums of values, the best score, the sum of weights
  const int64_t splits = stream.target() == DeviceType::cuda ? splits_of(sequences, capacity, shape) : 1;
  if (splits > 1) partial = Tensor(stream, {sequences * shape.heads, splits, shape.head_dim + 2}, DType::float32);
  run_on<&cpu::attention_decode, &cuda::attention_decode>(stream, o, partial, q, k_cache, v_cache, lengths, capacity,
                                                          shape);
}

}  // namespace hone::kernels
