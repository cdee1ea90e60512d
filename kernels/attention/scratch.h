// What the backward pass of attention needs beside its results; made before dispatch, so that plans count it.
#pragma once
#include "kernels/attention/attention_library.h"

namespace hone::kernels {

struct AttentionScratch {
  Tensor delta;   // (T, heads): sum over head_dim of dout * o
  bool by_heads;  // a head of a document is one piece of work, with five products. Else a block of rows is, with seven
  // By heads: dk and dv of every head, where heads share them. (T, heads * head_dim), or empty.
  Tensor dk, dv;
  LibraryAttention library;
};
// So that a counted call keeps their forms alone (kernels/core/work.h).
template <class F>
void for_each_tensor(AttentionScratch& scratch, F&& body) {
  body(scratch.delta), body(scratch.dk), body(scratch.dv);
  for_each_tensor(scratch.library, body);
}

inline void make_again(Stream& stream, AttentionScratch& scratch) { make_again(stream, scratch.library); }

}  // namespace hone::kernels
