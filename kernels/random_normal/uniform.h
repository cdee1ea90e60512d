// What both devices make normal numbers of: a Philox number as a float32 without rounding, so that they start alike.
#pragma once
#include "kernels/core/random.h"

namespace hone::kernels {

#ifdef __CUDACC__
__host__ __device__ inline float inside_one(uint32_t number);
__host__ __device__ inline float half_turns(uint32_t number);
#endif
// In (0, 1): 23 bits and a half.
inline float inside_one(uint32_t number) { return (float(number >> 9) + 0.5f) * 0x1p-23f; }
// In [-1, 1): an angle in half turns.
inline float half_turns(uint32_t number) { return float(int32_t(number) >> 8) * 0x1p-23f; }

}  // namespace hone::kernels
