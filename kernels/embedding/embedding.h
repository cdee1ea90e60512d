// y[t] = scale * table[tokens[t]].  tokens (T) int32, table (vocabulary, width) of y's type or bfloat16, y (T, width).
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

// Error (ExitCode::input), on the CPU: a token outside the vocabulary. On a GPU, where nobody waits to hear it, that
// token's row is NaN.
void embedding(Stream&, Tensor& y, const Tensor& tokens, const Tensor& table, double scale = 1);
// Adds scale * dy to dtable, of what dy's type is computed in; rows are added in the order of the tokens.
void embedding_backward(Stream&, Tensor& dtable, const Tensor& dy, const Tensor& tokens, double scale = 1);

}  // namespace hone::kernels
