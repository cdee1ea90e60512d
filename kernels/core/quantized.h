// A frozen quantised weight: codes and scales. A format is data, not a dtype.
#pragma once
#include <variant>

#include "kernels/core/tensor.h"

namespace hone {

// One float32 scale a block of 64 consecutive elements (row-major, across row ends).
struct FloatScales {
  Tensor absmax;  // (blocks) float32
};
// The scales themselves in 8 bits: absmax[i] = map[codes[i]] * nested[i / 256] + offset  ("double quantisation",
// Dettmers 2023).
struct NestedScales {
  Tensor codes;   // (blocks) uint8
  Tensor nested;  // (ceil(blocks / 256)) float32
  Tensor map;     // (256) float32
  float offset = 0;
};
using Scales = std::variant<FloatScales, NestedScales>;

inline constexpr int64_t kQuantizedBlock = 64, kNestedBlock = 256;

// 4-bit NormalFloat, byte-compatible with bitsandbytes: element 2j in the high half of byte j, 2j + 1 in the low half.
struct QuantizedTensor {
  Shape shape;   // (out, in) of the weight
  Tensor codes;  // ((out * in + 1) / 2) uint8
  Scales scales;

  int64_t rows() const { return shape[0]; }
  int64_t width() const { return shape[1]; }
};

}  // namespace hone
