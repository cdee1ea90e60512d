// The two decisions behind an epoch, as functions of numbers alone.
//   permutation(5, 17, 0);                     // a shuffle of 0 … 4, the same on every machine
//   pack({{0, 3}, {1, 4}, {2, 1}}, 4);         // {{0, 2}, {1}}: lengths 3 + 1 and 4 in rows of 4
#pragma once
#include <cstdint>
#include <vector>

namespace hone::data {

// 0 … count - 1 in an order drawn from (seed, epoch, part): Fisher–Yates with Philox numbers. Part: the window of the
// epoch whose rows are drawn; kOrderOfBlocks draws the order of the blocks.
inline constexpr uint32_t kOrderOfBlocks = UINT32_MAX;
std::vector<int64_t> permutation(int64_t count, uint64_t seed, int64_t epoch, uint32_t part = 0);

enum class PackingMethod {
  best_fit,   // each document into the open row that it fills best: the least padding
  sequential  // each into the last row, or into a new one where it has no room: keeps the order
};

struct Document {
  int64_t index = 0;   // what the result names it by
  int64_t length = 0;  // at most the capacity
};
// Documents put one after another into rows of at most `capacity` tokens, never split: each into the open row that it
// fills best (the older one of two alike), into a new one where none has room. At most `window` rows are open; the
// fullest is closed first. Rows come in the order in which they were opened, documents in the order given.
std::vector<std::vector<int64_t>> pack(const std::vector<Document>& documents, int64_t capacity, int64_t window = 256);
// The same with one open row, the last: documents stay in their order.
std::vector<std::vector<int64_t>> pack_in_order(const std::vector<Document>& documents, int64_t capacity);

}  // namespace hone::data
