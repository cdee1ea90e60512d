// Numbers of -1 to 1, or of 0 to 1, in 8 bits: the "dynamic" maps of bitsandbytes (Dettmers 2016), which have few
// digits for small numbers and more for large ones. Scales of quantised weights and moments of AdamW are kept so.
//   const float x = dynamic_map()[code];
//   const uint8_t code = dynamic_code(tree.data(), x);     // const auto tree = dynamic_tree(dynamic_map());
#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace hone::kernels {

// Both ascending. dynamic_map()[127] and unsigned_dynamic_map()[0] are 0, the last of both is 1.
std::span<const float, 256> dynamic_map();
std::span<const float, 256> unsigned_dynamic_map();

// From where on a value has at least each code, but for code 0. The rule of bitsandbytes' CUDA library: the nearer of
// the two neighbours in the map, and of two equally near ones the even code, where its search ends.
using DynamicBounds = std::array<float, 256>;
DynamicBounds dynamic_bounds(std::span<const float, 256> map);

// The bounds in the order in which a search by halves meets them: node 1 first, then 2 or 3, … Neighbouring nodes of a
// level lie side by side, so that threads that search together meet in few banks of shared memory.
using DynamicTree = std::array<float, 256>;
DynamicTree dynamic_tree(const DynamicBounds& bounds);

// The code of x; of what is no number, 0. Device code has its own in core/cuda/dynamic_map.cuh.
[[gnu::always_inline]] inline uint8_t dynamic_code(const float* tree, float x) {
  uint32_t node = 1;
  for (int level = 0; level < 8; ++level) node = 2 * node + uint32_t(x >= tree[node]);
  return uint8_t(node);  // 256 and the code
}

}  // namespace hone::kernels
