#include "data/tokenizer/base64.h"

#include <algorithm>
#include <cstdint>

namespace hone::data {

namespace {
int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}
}  // namespace

std::optional<std::string> base64_bytes(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    const bool last = at + 4 == text.size();
    const size_t padding = last && text[at + 3] == '=' ? (text[at + 2] == '=' ? 2 : 1) : 0;
    uint32_t group = 0;
    for (size_t i = 0; i < 4; ++i) {
      const int value = i >= 4 - padding ? 0 : value_of(text[at + i]);
      if (value < 0) return {};
      group = group << 6 | uint32_t(value);
    }
    if ((group & ((uint32_t(1) << (8 * padding)) - 1)) != 0) return {};  // bits that stand for nothing
    for (size_t i = 0; i < 3 - padding; ++i) bytes += char(group >> (16 - 8 * i));
  }
  return bytes;
}

}  // namespace hone::data
