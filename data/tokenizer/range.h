// Bytes [begin, end) of a text.
#pragma once
#include <cstdint>

namespace hone::data {

struct Range {
  uint32_t begin, end;
  bool operator==(const Range&) const = default;
};

}  // namespace hone::data
