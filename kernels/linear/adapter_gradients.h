// Two products of a LoRA adapter's way back that both read dy, the largest tensor of a training step: on a GPU they are
// as slow as that reading, so dy is read once for both.
#pragma once
#include <algorithm>

#include "kernels/core/tensor.h"

namespace hone::kernels {

// dlow = scale * dy b, and db += scale * dyᵀ low. dy (T, N), low and dlow (T, r) in one type; b (N, r) of any type,
// which is rounded to dy's before it is multiplied; db (N, r) in what dy's type is computed in, null where it is not
// wanted. Each may be columns of a wider tensor. Overwrites dlow. Same input, same bits.
void adapter_gradients(Stream&, Tensor& dlow, Tensor* db, const Tensor& dy, const Tensor& low, const Tensor& b,
                       double scale);

// Whether it reads dy once on CUDA: dy bfloat16, b that or float32, r a multiple of 8 up to 64. Elsewhere it is two
// products.
bool adapter_gradients_fuse(const Tensor& dy, const Tensor& b);
// The two products, on any device.
void adapter_gradients_apart(Stream&, Tensor& dlow, Tensor* db, const Tensor& dy, const Tensor& low, const Tensor& b,
                             double scale);

// How dy is shared among blocks: `across` slabs of columns, `down` slabs of `tokens` rows. A block writes the sums of
// its slab, in float32, which are added up after it. So few slabs of rows that little is written, and so many blocks
// that any GPU has enough of them; by the shape alone, so that every GPU adds in the same order.
struct AdapterSlabs {
  static constexpr int kColumns = 512, kTokens = 16;  // of a slab; rows of a slab are a multiple of
  static constexpr int64_t kBlocks = 256, kFewestTokens = 128;
  int64_t across, down, tokens;

  AdapterSlabs(int64_t rows, int64_t columns) : across((columns + kColumns - 1) / kColumns) {
    const int64_t most = (rows + kFewestTokens - 1) / kFewestTokens;
    const int64_t wanted = std::max<int64_t>(1, std::min(most, kBlocks / std::max<int64_t>(1, across)));
    tokens = std::max<int64_t>(1, (rows + wanted * kTokens - 1) / (wanted * kTokens)) * kTokens;
    down = (rows + tokens - 1) / tokens;
  }
};

}  // namespace hone::kernels
