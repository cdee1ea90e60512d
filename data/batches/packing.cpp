#include "data/batches/packing.h"

#include <numeric>
#include <set>
#include <utility>

#include "kernels/core/random.h"
#include "kernels/host/error.h"

namespace hone::data {

namespace {
constexpr uint16_t kShuffle = 0x5348;  // this stream's purpose; the tape draws under other ones
}

std::vector<int64_t> permutation(int64_t count, uint64_t seed, int64_t epoch, uint32_t part) {
  require(count >= 0 && count <= int64_t(UINT32_MAX) && epoch >= 0 && epoch <= int64_t(UINT32_MAX),
          "[permutation] count and epoch must lie in 0 … 2^32 - 1, got ", count, " and ", epoch);
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  const RandomKey key{.seed = seed, .step = uint32_t(epoch), .micro = part, .purpose = kShuffle};
  for (int64_t i = count - 1; i > 0; --i) {
    const auto words = random_block(key, uint32_t(i));
    const uint64_t number = uint64_t(words[1]) << 32 | words[0];  // 64 bits: the remainder's bias is below 2^-32
    std::swap(order[size_t(i)], order[size_t(number % uint64_t(i + 1))]);
  }
  return order;
}

std::vector<std::vector<int64_t>> pack(const std::vector<Document>& documents, int64_t capacity, int64_t window) {
  require(capacity >= 1 && window >= 1, "[pack] capacity and window must be positive, got ", capacity, " and ", window);
  std::vector<std::vector<int64_t>> rows;
  std::set<std::pair<int64_t, size_t>> open;  // room left, row
  for (const Document& document : documents) {
    require(document.length >= 1 && document.length <= capacity, "[pack] document ", document.index, " of ",
            document.length, " tokens does not fit rows of ", capacity);
    auto best = open.lower_bound({document.length, 0});
    std::pair<int64_t, size_t> row{capacity, rows.size()};
    if (best != open.end()) {
      row = *best;
      open.erase(best);
    } else {
      rows.emplace_back();
    }
    rows[row.second].push_back(document.index);
    row.first -= document.length;
    if (row.first > 0) open.insert(row);
    if (int64_t(open.size()) > window) open.erase(open.begin());
  }
  return rows;
}

std::vector<std::vector<int64_t>> pack_in_order(const std::vector<Document>& documents, int64_t capacity) {
  std::vector<std::vector<int64_t>> rows;
  int64_t room = 0;
  for (const Document& document : documents) {
    require(document.length >= 1 && document.length <= capacity, "[pack] document ", document.index, " of ",
            document.length, " tokens does not fit rows of ", capacity);
    if (document.length > room) rows.emplace_back(), room = capacity;
    rows.back().push_back(document.index);
    room -= document.length;
  }
  return rows;
}

}  // namespace hone::data
