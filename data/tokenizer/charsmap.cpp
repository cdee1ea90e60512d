#include "data/tokenizer/charsmap.h"

#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
// What the bits of a unit mean.
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) == 1; }
uint32_t leaf_value(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t label(uint32_t unit) { return unit & 0x800000FF; }
uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }
}  // namespace

Charsmap::Charsmap(std::string_view bytes, const std::string& where) {
  const auto unit_at = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value |= uint32_t(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    return value;
  };
  const auto wrong = [&](const auto&... what) {
    fail(ExitCode::input, where, ": precompiled_charsmap: expected ", what...,
         ". Take the file from the model's publisher again");
  };
  if (bytes.size() < 4) wrong("at least 4 bytes, got ", bytes.size());
  const uint32_t size = unit_at(0);
  if (size > bytes.size() - 4 || size % 4 != 0 || size == 0)
    wrong("a trie of at most ", bytes.size() - 4, " bytes, got ", size);
  units_.reserve(size / 4);
  for (size_t at = 4; at < 4 + size_t(size); at += 4) units_.push_back(unit_at(at));
  replacements_ = std::string(bytes.substr(4 + size));
  if (!valid_utf8(replacements_)) wrong("replacements in UTF-8, got other bytes");
}

std::optional<Charsmap::Replacement> Charsmap::find(std::string_view text, size_t at, bool first) const {
  std::optional<Replacement> found;
  size_t node = offset(units_[0]);
  for (size_t end = at; end < text.size() && text[end] != '\0';) {
    const auto byte = static_cast<unsigned char>(text[end]);
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) break;
    ++end;
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) break;
    const uint32_t value = leaf_value(units_[node]);
    // Into the middle of a character no table points that its maker wrote.
    if (value > replacements_.size() ||
        (value < replacements_.size() && (static_cast<unsigned char>(replacements_[value]) & 0xC0) == 0x80))
      continue;
    const size_t stop = std::min(replacements_.find('\0', value), replacements_.size());
    found = Replacement{end - at, std::string_view(replacements_).substr(value, stop - value)};
    if (first) break;
  }
  return found;
}

}  // namespace hone::data
