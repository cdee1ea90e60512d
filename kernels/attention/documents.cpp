#include <algorithm>

#include "kernels/attention/attention.h"
#include "kernels/attention/tiles.h"

namespace hone {

namespace kernels {
namespace {
std::vector<AttentionTile> tiles_of(const std::vector<int32_t>& starts) {
  std::vector<AttentionTile> tiles;
  for (size_t d = 0; d + 1 < starts.size(); ++d)
    for (int32_t begin = starts[d]; begin < starts[d + 1]; begin += kAttentionTile)
      tiles.push_back({begin, std::min(begin + kAttentionTile, starts[d + 1]), starts[d], starts[d + 1]});
  return tiles;
}
}  // namespace

std::vector<AttentionTile> tiles_of_queries(const std::vector<int32_t>& starts) {
  std::vector<AttentionTile> tiles = tiles_of(starts);
  std::ranges::stable_sort(tiles, std::ranges::greater(), [](const AttentionTile& t) { return t.begin - t.first; });
  return tiles;
}

std::vector<AttentionTile> tiles_of_keys(const std::vector<int32_t>& starts) {
  std::vector<AttentionTile> tiles = tiles_of(starts);
  std::ranges::stable_sort(tiles, std::ranges::greater(), [](const AttentionTile& t) { return t.last - t.begin; });
  return tiles;
}
}  // namespace kernels

DocumentOffsets documents_on(Stream& stream, std::vector<int32_t> starts) {
  DocumentOffsets documents{std::make_shared<const std::vector<int32_t>>(std::move(starts))};
  if (stream.target() != DeviceType::cuda || documents.host->empty()) return documents;
  // Each document ends with at most one tile that is not full, so this many are always enough. By T and the number of
  // documents, not by where they begin: a plan knows no more.
  const int64_t tokens = documents.host->back(), count = int64_t(documents.host->size()) - 1,
                most = (tokens + (kernels::kAttentionTile - 1) * count) / kernels::kAttentionTile;
  std::vector<int32_t> tiles;
  for (const auto& order : {kernels::tiles_of_queries(*documents.host), kernels::tiles_of_keys(*documents.host)}) {
    documents.tile_count = int64_t(order.size());
    for (const kernels::AttentionTile& t : order) tiles.insert(tiles.end(), {t.begin, t.end, t.first, t.last});
    tiles.resize(tiles.size() + size_t(most - documents.tile_count) * 4);
  }
  documents.tiles = Tensor::from(stream, {2, most, 4}, tiles);
  return documents;
}

}  // namespace hone
