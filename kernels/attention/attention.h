// Causal grouped-query attention over packed documents; a query sees its own document up to itself.
// q, o (T, heads * head_dim); k, v (T, kv_heads * head_dim); log_sum_exp (T, heads). Memory is linear in T: scores live
// in fixed square tiles (Dao 2023).
//   const DocumentOffsets documents = documents_on(stream, {0, 70, 71, 200});
//   attention(stream, o, log_sum_exp, q, k, v, documents, {.heads = 32, .kv_heads = 8, .head_dim = 128});
#pragma once
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "kernels/core/tensor.h"

namespace hone {
// Where documents begin in a packed row of T tokens: starts[0] = 0, …, starts.back() = T. Made by documents_on.
struct DocumentOffsets {
  std::shared_ptr<const std::vector<int32_t>> host;
  // For cuda: the pieces of work of its kernels, tiles of queries and tiles of keys (attention/tiles.h), (2, n, 4)
  // int32. The first tile_count of n are used; n follows from T and the number of documents alone.
  Tensor tiles = {};
  int64_t tile_count = 0;
  // For cuDNN: where documents begin in elements of rows of so many; at 0 how long they are. Made when asked for
  // (attention_library.h), once for all layers.
  std::shared_ptr<std::map<int64_t, Tensor>> in_elements = std::make_shared<std::map<int64_t, Tensor>>();
};
DocumentOffsets documents_on(Stream&, std::vector<int32_t> starts);
// A call that was counted on meta is repeated with the documents it had (kernels/core/work.h).
inline void make_again(Stream& stream, DocumentOffsets& documents) {
  documents = documents_on(stream, *documents.host);
}
}  // namespace hone

namespace hone::kernels {

struct AttentionShape {
  int64_t heads, kv_heads, head_dim;
  int64_t window = 0;  // a query sees the last `window` keys, itself included; 0: all (transformers' sliding_window)
  double softcap = 0;  // scores become softcap * tanh(scores / softcap), after the scale (Gemma 2); 0: they stay
  double scale = 0;    // of the products of queries and keys; 0: 1 / sqrt(head_dim)

  double score_scale() const { return scale > 0 ? scale : 1 / std::sqrt(double(head_dim)); }
  // How many keys a query sees at most.
  int64_t reach() const { return window > 0 ? window : std::numeric_limits<int32_t>::max(); }
};
// Overwrites o and log_sum_exp, which the way back needs. q, k, v, o in one type (float32, float64, bfloat16),
// log_sum_exp in what it is computed in; q, k, v, o may have row strides.
// On cuda bfloat16 alone (ExitCode::usage else), head_dim a multiple of 8 up to 256, rows at multiples of 16 bytes.
void attention(Stream&, Tensor& o, Tensor& log_sum_exp, const Tensor& q, const Tensor& k, const Tensor& v,
               const DocumentOffsets&, const AttentionShape&);
// Overwrites dq, dk, dv, of the shapes of q, k, v. The same input gives the same bits.
void attention_backward(Stream&, Tensor& dq, Tensor& dk, Tensor& dv, const Tensor& dout, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& log_sum_exp,
                        const DocumentOffsets&, const AttentionShape&);

}  // namespace hone::kernels
