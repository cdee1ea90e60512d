// The merges of byte-pair encoding: which two neighbours become one, and in which order.
//   Merges merges;
//   merges.set(a, b, {.rank = 0, .id = ab});
//   merges.merge(scratch);                          // of scratch.symbols: a b a → ab a, the second a not alive
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "data/tokenizer/model.h"

namespace hone::data {

// Two ids → the rank of their merge and what they become. Open addressing, never more than half full.
class Merges {
 public:
  static constexpr size_t kFew = 32;  // symbols that are merged without a heap
  struct Merge {
    uint32_t rank;  // the lowest first, of several the leftmost
    int32_t id;
  };
  void reserve(size_t merges);
  void set(int32_t left, int32_t right, Merge merge);  // a pair that is there gets the new merge
  const Merge* find(int32_t left, int32_t right) const;

  // Merges scratch.symbols. What an id of `record` was last to be made of is noted in scratch.made_of.
  void merge(Scratch& scratch, const std::vector<bool>* record = nullptr) const;
  // The same of at most kFew symbols, from the beginning of the span; returns how many are left. Only where each merge
  // makes a longer token: there, a pair that makes the same token as before is the same pair, so no candidate is stale
  // in the library's sense alone.
  size_t merge_few(std::span<int32_t> symbols) const;

 private:
  struct Slot {
    uint64_t key = UINT64_MAX;
    Merge merge{};
  };
  size_t slot_of(uint64_t key) const;
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

}  // namespace hone::data
