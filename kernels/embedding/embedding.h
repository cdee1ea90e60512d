// y[t] = table[tokens[t]].  tokens (T) int32, table (vocabulary, width) of y's type or bfloat16, y (T, width).
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

void embedding(Stream&, Tensor& y, const Tensor& tokens, const Tensor& table);
// Adds to dtable; rows are added in the order of the tokens.
void embedding_backward(Stream&, Tensor& dtable, const Tensor& dy, const Tensor& tokens);

}  // namespace hone::kernels
