#include "data/rows/row.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <span>
#include <string>

#include "kernels/host/hash.h"

namespace hone::data {

static_assert(std::endian::native == std::endian::little, "the hash is over little-endian tokens");

int64_t Row::learned() const { return int64_t(labels.size()) - std::count(labels.begin(), labels.end(), kNotLearned); }

uint64_t content_hash(const std::vector<int32_t>& tokens) {
  Xxh3 hash;
  hash.add(std::as_bytes(std::span(tokens)));
  const std::string digits = hash.hex();
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + 16, value, 16);
  return value;
}

}  // namespace hone::data
