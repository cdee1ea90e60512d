// Causal grouped-query attention over packed documents; a query sees its own document up to itself.
// q, o (T, heads * head_dim); k, v (T, kv_heads * head_dim); log_sum_exp (T, heads). Memory is linear in T: scores live
// in fixed square tiles (Dao 2023).
#pragma once
#include <memory>
#include <vector>

#include "kernels/core/tensor.h"

namespace hone {
// Where documents begin in a packed row of T tokens: starts[0] = 0, …, starts.back() = T. Host copy; a device copy
// joins with CUDA.
struct DocumentOffsets {
  std::shared_ptr<const std::vector<int32_t>> host;
};
}  // namespace hone

namespace hone::kernels {

struct AttentionShape {
  int64_t heads, kv_heads, head_dim;
};
// Overwrites o and log_sum_exp, which the way back needs. q, k, v, o in one
// type (float32, float64, bfloat16), log_sum_exp in what it is computed in; q, k, v, o may have row strides.
void attention(Stream&, Tensor& o, Tensor& log_sum_exp, const Tensor& q, const Tensor& k, const Tensor& v,
               const DocumentOffsets&, const AttentionShape&);
// Overwrites dq, dk, dv, of the shapes of q, k, v.
void attention_backward(Stream&, Tensor& dq, Tensor& dk, Tensor& dv, const Tensor& dout, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& log_sum_exp,
                        const DocumentOffsets&, const AttentionShape&);

}  // namespace hone::kernels
