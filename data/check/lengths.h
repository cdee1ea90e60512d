// How long rows are, and what a max_length makes of that.
//   Lengths lengths;
//   lengths.add(214, LongRow::dropped);
//   lengths.bins(2048);                       // a histogram with round borders
//   lengths.packed({.max_length = 2048});     // rows, padding, what is lost
// Four bytes a row.
#pragma once
#include <cstdint>
#include <vector>

#include "data/batches/packing.h"

namespace hone::data {

// What happens to a row that is longer than max_length.
enum class LongRow : uint8_t { dropped, split, truncated };

struct LengthBin {
  int64_t from = 0, to = 0;  // tokens, from <= n < to; the last one's `to` is behind the longest row
  int64_t rows = 0;
};

struct PackingOutcome {
  int64_t max_length = 0;
  int64_t rows = 0;     // packed ones
  double padding = 0;   // share of rows * max_length without a token
  int64_t dropped = 0;  // longer rows, lost whole
  int64_t cut = 0;      // longer rows, split into pieces or truncated
};

class Lengths {
 public:
  void add(int64_t tokens, LongRow how);
  int64_t rows() const { return int64_t(lengths_.size()); }
  int64_t tokens() const { return tokens_; }
  int64_t longest() const { return longest_; }
  int64_t at(double share) const;  // the length that this share of the rows does not pass; 0 without rows
  // At most `most` bins of equal width (1, 2 or 5 times a power of ten) up to where nearly all rows end or max_length,
  // and one more for what is longer; from the first that holds a row to the last. Where rows are longer than
  // max_length, the bin that it falls into is split there.
  std::vector<LengthBin> bins(int64_t max_length, int most = 16) const;

  struct Packing {
    int64_t max_length = 0;
    PackingMethod method = PackingMethod::best_fit;
    bool shuffle = true;
    uint64_t seed = 17;
  };
  // Of the first epoch, as Batches packs rows that are in memory together.
  PackingOutcome packed(const Packing& how) const;

 private:
  std::vector<uint32_t> lengths_;  // times four, plus the LongRow
  int64_t tokens_ = 0, longest_ = 0;
};

}  // namespace hone::data
