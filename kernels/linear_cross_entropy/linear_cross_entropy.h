// losses[i] = -log softmax(h[rows[i]] weightᵀ)[labels[i]] without ever holding the logits (Liger Kernel, Hsu et al.
// 2024): `chunk` labelled positions have logits of kVocabularyBlock tokens at a time. Like attention over the
// vocabulary: a running maximum (Milakov and Gimelshein 2018) lets the gradient be added up in the same walk, so each
// block of the weight is read, and converted where it must be, once. h (T, width); weight (vocabulary, width) as linear
// takes it; logits, losses and log_sum_exp (count) in what h's type is computed in.
#pragma once
#include "kernels/linear/linear.h"

namespace hone {
// Which rows of h are asked, and for what. count is a host number made with the batch: no size in the engine depends on
// device data. Each row occurs at most once.
struct Targets {
  Tensor rows, labels;  // (count) int32 each
  int64_t count = 0;
};
}  // namespace hone

namespace hone::kernels {

// Tokens of the vocabulary and, where nobody says otherwise, labelled positions that have logits at a time: these stay
// in a processor's shared cache.
inline constexpr int64_t kVocabularyBlock = 4096, kLossChunk = 512;

// Overwrites losses and log_sum_exp and, where not null, dh (T, width) with the gradient of sum(losses): zeros where no
// label is. With a frozen head that is all the way back needs, so the logits are made once.
void linear_cross_entropy(Stream&, Tensor& losses, Tensor& log_sum_exp, Tensor* dh, const Tensor& h,
                          const LinearWeight& weight, const Targets&, int64_t chunk);
// The same gradient times dloss (1), with the logits made again: overwrites dh, adds to dweight; either may be null.
void linear_cross_entropy_backward(Stream&, Tensor* dh, Tensor* dweight, const Tensor& dloss, const Tensor& h,
                                   const LinearWeight& weight, const Tensor& log_sum_exp, const Targets&,
                                   int64_t chunk);
// total (1) = sum of values, added in double in their order.
void sum_in_order(Stream&, Tensor& total, const Tensor& values);

}  // namespace hone::kernels
