// A row as a set of its 5-token sequences, and that set as a sketch from which alike rows are found.
//   const std::vector<uint64_t> a = shingles(first.tokens), b = shingles(second.tokens);
//   jaccard(a, b);                         // 1: the same set, 0: nothing in common
//   const Bands keys = bands(a);           // alike sets have equal keys at one place or more
// MinHash and banding: Broder, "On the resemblance and containment of documents", 1997; Indyk and Motwani, 1998.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace hone::data {

inline constexpr size_t kShingle = 5;  // tokens of a sequence
// 32 bands of 5 minima: of two sets with Jaccard index s a key is equal with s^5, at least one of 32 with
// 1 - (1 - s^5)^32: 0.999997 at 0.8, 0.64 at 0.5, 0.08 at 0.3.
inline constexpr size_t kBands = 32, kBandWidth = 5;

using Bands = std::array<uint32_t, kBands>;

// Hashes of the sequences, sorted, each once; none of fewer than kShingle tokens.
std::vector<uint64_t> shingles(std::span<const int32_t> tokens);
// In the order of the tokens, the sequence that begins at token i at place i; not sorted, repeated ones repeated.
std::vector<uint64_t> shingles_in_order(std::span<const int32_t> tokens);
double jaccard(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b);
Bands bands(const std::vector<uint64_t>& shingles);

}  // namespace hone::data
