#include "data/check/copies.h"

#include <algorithm>
#include <cmath>

#include "kernels/host/error.h"

namespace hone::data {

namespace {
constexpr size_t kNeighbours = 4;                // of a group that a row is compared with, beside the first
constexpr size_t kMostPairs = size_t(16) << 20;  // that are held before equal ones are thrown away

// Sorts, and leaves each pair once and kMostAlike of a row.
void tidy(std::vector<Candidate>& pairs) {
  std::ranges::sort(pairs);
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  size_t kept = 0, of_row = 0;
  for (size_t i = 0; i < pairs.size(); ++i) {
    of_row = i > 0 && pairs[i].row == pairs[i - 1].row ? of_row + 1 : 0;
    if (of_row < CopyIndex::kMostAlike) pairs[kept++] = pairs[i];
  }
  pairs.resize(kept);
}
}  // namespace

void CopyIndex::add(const Bands& keys, bool evaluation) {
  require(rows() < UINT32_MAX, ExitCode::input, "more than 4,294,967,295 rows cannot be compared");
  for (size_t band = 0; band < bands_; ++band) keys_[band].push_back(keys[band]);
  evaluation_.push_back(evaluation);
  if (bands_ > 1 && rows() * bands_ * sizeof(uint32_t) > most_bytes_) {
    bands_ /= 2;
    for (size_t band = bands_; band < kBands; ++band) keys_[band] = {};
  }
}

std::vector<Candidate> CopyIndex::candidates(const std::function<bool(uint32_t)>& passed) const {
  struct Entry {
    uint32_t key, row;
  };
  std::vector<Entry> entries;
  std::vector<bool> skip(rows());
  for (uint32_t row = 0; row < rows(); ++row) skip[row] = passed(row);
  std::vector<Candidate> pairs;
  for (size_t band = 0; band < bands_; ++band) {
    entries.clear();
    for (uint32_t row = 0; row < rows(); ++row)
      if (!skip[row]) entries.push_back({keys_[band][row], row});
    std::ranges::sort(entries, [&](const Entry& a, const Entry& b) {  // training first
      if (a.key != b.key) return a.key < b.key;
      return evaluation_[a.row] != evaluation_[b.row] ? evaluation_[b.row] : a.row < b.row;
    });
    for (size_t begin = 0, end; begin < entries.size(); begin = end) {
      size_t training = begin;  // where the group's evaluation rows begin
      for (end = begin; end < entries.size() && entries[end].key == entries[begin].key; ++end)
        training += !evaluation_[entries[end].row];
      for (size_t i = begin + 1; i < end && training > begin; ++i) {
        const size_t last = std::min(i, training), first = std::max(begin + 1, last - std::min(last, kNeighbours));
        pairs.push_back({entries[i].row, entries[begin].row});
        for (size_t j = first; j < last; ++j) pairs.push_back({entries[i].row, entries[j].row});
      }
    }
    if (pairs.size() > kMostPairs) tidy(pairs);
  }
  tidy(pairs);
  return pairs;
}

double CopyIndex::estimate(const Candidate& pair) const {
  size_t equal = 0;
  for (size_t band = 0; band < bands_; ++band) equal += keys_[band][pair.row] == keys_[band][pair.like];
  return std::pow(double(equal) / double(bands_), 1.0 / double(kBandWidth));
}

}  // namespace hone::data
