// A shard: some thousand rows of tokens in one immutable HDF5 file. How it looks inside is in README.md.
//   Shard shard;
//   shard.add(row);                                          // as data/rows makes them
//   const std::vector<std::byte> image = image_of(shard);    // a file's bytes; the same for the same rows
//   shard_from(image, "train-000000.h5", vocabulary).row(0) == row
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/batches/row_blocks.h"
#include "data/rows/row.h"

namespace hone::data {

class Shard : public RowBlock {
 public:
  void add(const Row& row);  // at least one token, and as many labels

  int64_t count() const override { return int64_t(starts.size()) - 1; }
  int64_t length(int64_t row) const override { return starts[size_t(row) + 1] - starts[size_t(row)]; }
  void copy(int64_t row, int32_t* tokens, int32_t* labels) const override;
  Row row(int64_t index) const;
  std::string content() const;  // xxh3 of rows, tokens and labels: not of where they came from

  struct Facts {  // of a row, as in Row
    int64_t number = 0, line = 0;
    uint64_t content = 0;
    int32_t file = 0, piece = 0, answers = 0, ends = 0;
    bool operator==(const Facts&) const = default;
  };
  std::vector<int32_t> tokens;     // of all rows, one after another
  std::vector<uint8_t> learned;    // a bit a token, the lowest first: its label is the token itself; else kNotLearned
  std::vector<int32_t> labels;     // in place of `learned` where a label is another token; empty else
  std::vector<int64_t> starts{0};  // where each row begins, and the end
  std::vector<Facts> facts;
  bool operator==(const Shard& other) const {
    return tokens == other.tokens && learned == other.learned && labels == other.labels && starts == other.starts &&
           facts == other.facts;
  }
};

std::vector<std::byte> image_of(const Shard& shard);
// The shard in a file's bytes, checked: every offset, token and label. `where` opens every message. Tokens must lie
// below `vocabulary` where it is given. Errors: ExitCode::input, with the row where one is at fault.
Shard shard_from(std::span<const std::byte> image, const std::string& where, int64_t vocabulary = 0);

// The lengths of all rows of a set, in one file: what packing needs of rows that are not in memory.
std::vector<std::byte> image_of_lengths(std::span<const int32_t> lengths);
std::vector<int32_t> lengths_from(std::span<const std::byte> image, const std::string& where);

}  // namespace hone::data
