// kernels/core/dynamic_map.h in device code.
#pragma once
#include "kernels/core/cuda/primitives.cuh"
#include "kernels/core/dynamic_map.h"

namespace hone::kernels::cuda {

// Numbers that come with the launch: table_of<256>(dynamic_map()). Threads whose index differs read a copy in shared
// memory.
template <int n>
struct Table {
  float value[n];
};
template <size_t n>
Table<int(n)> table_of(std::span<const float, n> values) {
  Table<int(n)> table;
  for (size_t i = 0; i < n; ++i) table.value[i] = values[i];
  return table;
}

__device__ __forceinline__ uint8_t dynamic_code_of(const float* tree, float x) {
  uint32_t node = 1;
#pragma unroll
  for (int level = 0; level < 8; ++level) node = 2 * node + (x >= tree[node] ? 1 : 0);
  return uint8_t(node);
}

}  // namespace hone::kernels::cuda
