#include "data/check/shingles.h"

#include <algorithm>

namespace hone::data {

namespace {
constexpr size_t kMinima = kBands * kBandWidth;

constexpr uint64_t mixed(uint64_t x) {  // the finaliser of splitmix64
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

struct Functions {
  std::array<uint32_t, kMinima> factor{}, mask{};
};
constexpr Functions functions() {
  Functions f;
  for (size_t k = 0; k < kMinima; ++k) {
    const uint64_t bits = mixed(0x9E3779B97F4A7C15u * (k + 1));
    f.factor[k] = uint32_t(bits) | 1, f.mask[k] = uint32_t(bits >> 32);
  }
  return f;
}
constexpr Functions kFunctions = functions();
}  // namespace

std::vector<uint64_t> shingles_in_order(std::span<const int32_t> tokens) {
  std::vector<uint64_t> all;
  if (tokens.size() < kShingle) return all;
  // A polynomial of the last five tokens, moved on by one token at a time.
  constexpr uint64_t kBase = 0x9E3779B97F4A7C15u;
  uint64_t out_factor = 1, value = 0;
  for (size_t i = 0; i + 1 < kShingle; ++i) out_factor *= kBase;
  all.reserve(tokens.size() - kShingle + 1);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i >= kShingle) value -= (uint64_t(uint32_t(tokens[i - kShingle])) + 1) * out_factor;
    value = value * kBase + uint64_t(uint32_t(tokens[i])) + 1;
    if (i + 1 >= kShingle) all.push_back(mixed(value));
  }
  return all;
}

std::vector<uint64_t> shingles(std::span<const int32_t> tokens) {
  std::vector<uint64_t> all = shingles_in_order(tokens);
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

double jaccard(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  size_t both = 0, i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const bool equal = a[i] == b[j];
    both += equal;
    const bool first = a[i] <= b[j], second = b[j] <= a[i];
    i += first, j += second;
  }
  const size_t either = a.size() + b.size() - both;
  return either == 0 ? 0 : double(both) / double(either);
}

Bands bands(const std::vector<uint64_t>& shingles) {
  std::array<uint32_t, kMinima> minima;
  minima.fill(UINT32_MAX);
  for (const uint64_t shingle : shingles) {
    const auto value = uint32_t(shingle >> 32);
    for (size_t k = 0; k < kMinima; ++k) {
      // A permutation of 32 bits; the high bits, which decide, depend on all.
      const uint32_t hash = (value ^ kFunctions.mask[k]) * kFunctions.factor[k];
      minima[k] = std::min(minima[k], hash);
    }
  }
  Bands keys{};
  for (size_t band = 0; band < kBands; ++band) {
    uint64_t key = band;
    for (size_t i = 0; i < kBandWidth; ++i) key = mixed(key * 0x9E3779B97F4A7C15u + minima[band * kBandWidth + i]);
    keys[band] = uint32_t(key >> 32);
  }
  return keys;
}

}  // namespace hone::data
