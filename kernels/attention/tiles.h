// Documents cut into tiles of rows: the pieces of work of attention's kernels, on every device.
#pragma once
#include <cstdint>
#include <vector>

namespace hone::kernels {

inline constexpr int32_t kAttentionTile = 64;  // rows a tile

struct AttentionTile {  // rows [begin, end) of one document [first, last); begin is first plus whole tiles
  int32_t begin, end, first, last;
};
// As queries: those that see most keys first, so that long work does not start last. As keys: those first that most
// queries see.
std::vector<AttentionTile> tiles_of_queries(const std::vector<int32_t>& starts);
std::vector<AttentionTile> tiles_of_keys(const std::vector<int32_t>& starts);

}  // namespace hone::kernels
