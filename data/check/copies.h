// Finds rows that are alike among millions, from 32-bit keys of their sketches.
//   CopyIndex index;
//   index.add(bands(shingles(row.tokens)), false);             // rows in order, from 0
//   for (const Candidate& pair : index.candidates(is_passed)) …  // to be compared exactly
// Memory is bounded: 128 bytes a row up to 4 million rows; beyond, half of the bands are given up, and again, which
// finds fewer of the pairs that are barely alike (with 8 bands 96 % of those at 0.8, 99.9 % at 0.9).
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "data/check/shingles.h"

namespace hone::data {

struct Candidate {
  uint32_t row = 0;   // the later one, or the evaluation row
  uint32_t like = 0;  // of training
  bool operator==(const Candidate&) const = default;
  auto operator<=>(const Candidate&) const = default;
};

class CopyIndex {
 public:
  static constexpr size_t kMostAlike = 8;  // candidates of a row
  explicit CopyIndex(size_t most_bytes = size_t(512) << 20) : most_bytes_(most_bytes) {}
  void add(const Bands& keys, bool evaluation);
  size_t rows() const { return evaluation_.size(); }
  size_t bands() const { return bands_; }  // that are still kept
  // Pairs that share a key: each row with the first training row of its group and those right before it, kMostAlike at
  // most, sorted. Pairs of two evaluation rows are none. `passed`: rows that take no part.
  std::vector<Candidate> candidates(const std::function<bool(uint32_t)>& passed) const;
  // The Jaccard index that equal keys suggest.
  double estimate(const Candidate& pair) const;

 private:
  size_t most_bytes_, bands_ = kBands;
  std::array<std::vector<uint32_t>, kBands> keys_;
  std::vector<bool> evaluation_;
};

}  // namespace hone::data
