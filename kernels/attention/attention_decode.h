// Attention of one new token a sequence over the keys and values kept of what came before: generation's op.
#pragma once
#include "kernels/attention/attention.h"

namespace hone::kernels {

// q, o (B, heads * head_dim); k_cache, v_cache (B * capacity, kv_heads * head_dim): sequence b's keys are rows b *
// capacity and on; lengths (B) int32: how many keys each query sees, 1 to capacity. Overwrites o. Scores are never
// held: online softmax.
void attention_decode(Stream&, Tensor& o, const Tensor& q, const Tensor& k_cache, const Tensor& v_cache,
                      const Tensor& lengths, int64_t capacity, const AttentionShape&);

}  // namespace hone::kernels
