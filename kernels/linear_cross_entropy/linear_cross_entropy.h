// losses[i] = -log softmax(h[rows[i]] weightᵀ)[labels[i]] without ever holding the logits (Liger Kernel, Hsu et al.
// 2024): `chunk` labelled positions have logits of a block of the vocabulary at a time. Like attention over the
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

// Labelled positions, where nobody says otherwise, and tokens of the vocabulary that have logits at a time. A
// processor's shared cache holds these logits. A GPU cannot keep as many as its products need, so there both of them,
// chunk x block and chunk x width, fill an H100's 132 multiprocessors with tiles of 128 x 256 once or more from a width
// of 2048 on, and what is added up between blocks (chunk x width) is read and written as seldom as logits in 64 MiB
// allow.
struct LossSizes {
  int64_t chunk, block;
};
constexpr LossSizes loss_sizes(DeviceType target) {
  return target == DeviceType::cuda ? LossSizes{2048, 8192} : LossSizes{512, 4096};
}

// A `softcap` that is not 0 turns logits z into softcap * tanh(z / softcap) first (Gemma 2).
// Overwrites losses and log_sum_exp and, where not null, dh (T, width) with the gradient of sum(losses): zeros where no
// label is. With a frozen head that is all the way back needs, so the logits are made once. chunk 0: what suits the
// device.
void linear_cross_entropy(Stream&, Tensor& losses, Tensor& log_sum_exp, Tensor* dh, const Tensor& h,
                          const LinearWeight& weight, const Targets&, int64_t chunk = 0, double softcap = 0);
// The same gradient times dloss (1), with the logits made again: overwrites dh, adds to dweight; either may be null.
void linear_cross_entropy_backward(Stream&, Tensor* dh, Tensor* dweight, const Tensor& dloss, const Tensor& h,
                                   const LinearWeight& weight, const Tensor& log_sum_exp, const Targets&,
                                   int64_t chunk = 0, double softcap = 0);
// total (1) = sum of values, added in double in an order that their number alone decides.
void sum_in_order(Stream&, Tensor& total, const Tensor& values);

}  // namespace hone::kernels
