// Normal numbers made where they are needed, for models that start at random: no host makes them, nothing is copied.
//   random_normal(stream, piece, 0.02, key, piece_begins_at);
#pragma once
#include "kernels/core/random.h"
#include "kernels/core/tensor.h"

namespace hone::kernels {

// y = deviation * n, where n are numbers `first` and on of the stream that `key` names: four of each Philox block, by
// Box and Muller's transform in float32, so within ±5.8 deviations. y contiguous; first a multiple of 4. Devices agree
// to rounding.
void random_normal(Stream&, Tensor& y, double deviation, const RandomKey& key, int64_t first = 0);

}  // namespace hone::kernels
