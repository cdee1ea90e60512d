// Attention of one query a sequence over its cache of keys and values, for generation. Grouped-query as in attention.h.
//   Tensor k_cache(stream, {sequences * capacity, kv_heads * head_dim}, q.dtype());   // v_cache alike
//   attention_decode(stream, o, q, k_cache, v_cache, lengths, capacity, {heads, kv_heads, head_dim});
#pragma once
#include "kernels/attention/attention.h"

namespace hone::kernels {

// Overwrites o. q, o (B, heads * head_dim); k_cache, v_cache (B * capacity, kv_heads * head_dim): sequence b's keys lie
// in the rows from b * capacity on, of which it sees the first lengths[b]; what lies behind them is not read. lengths
// (B) int32, each from 1 to capacity: ExitCode::bug else, but cuda, which does not wait to look, takes what is more as
// capacity. Types and strides as in attention.
void attention_decode(Stream&, Tensor& o, const Tensor& q, const Tensor& k_cache, const Tensor& v_cache,
                      const Tensor& lengths, int64_t capacity, const AttentionShape&);

}  // namespace hone::kernels
