// What a GPU needs to add up the gradients of a table's rows in the order of the tokens: positions sorted by token, in
// passes of kSortBits of it.
#pragma once
#include <cstdint>

namespace hone::kernels {

inline constexpr int kSortBits = 9, kSortDigits = 1 << kSortBits;
inline constexpr int kSortTile = kSortDigits;  // positions that a block sorts

inline int64_t sort_tiles(int64_t tokens) { return (tokens + kSortTile - 1) / kSortTile; }
// int32: positions before and after a pass, a count a digit and tile.
inline int64_t sort_scratch(int64_t tokens) { return 2 * tokens + sort_tiles(tokens) * kSortDigits; }

}  // namespace hone::kernels
