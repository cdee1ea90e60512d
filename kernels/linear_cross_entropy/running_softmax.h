// What the softmax of some positions is so far, while the vocabulary goes by in blocks (Milakov and Gimelshein 2018).
// Best and of_label in what the logits are in; the sum in double, because a vocabulary is long.
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

struct RunningSoftmax {
  Tensor best, of_label;  // (count): the largest logit, the logit of the label
  Tensor sum;             // (count) float64: of e to the (logit - best)
};
// So that a counted call keeps their forms alone (kernels/core/work.h).
template <class F>
void for_each_tensor(RunningSoftmax& running, F&& body) {
  body(running.best), body(running.of_label), body(running.sum);
}

}  // namespace hone::kernels
