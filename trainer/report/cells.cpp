#include "trainer/report/cells.h"

#include <utf8proc.h>

#include <array>
#include <utility>

namespace hone::trainer {

namespace {
// The code point at `at` and its bytes; a byte that begins none stands for itself.
std::pair<utf8proc_int32_t, size_t> point_at(std::string_view text, size_t at) {
  utf8proc_int32_t point = 0;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at;
  const utf8proc_ssize_t length = utf8proc_iterate(bytes, utf8proc_ssize_t(text.size() - at), &point);
  if (length <= 0) return {'?', 1};
  return {point, size_t(length)};
}
}  // namespace

int cells(std::string_view text) {
  int sum = 0;
  for (size_t at = 0; at < text.size();) {
    const auto [point, length] = point_at(text, at);
    sum += utf8proc_charwidth(point);
    at += length;
  }
  return sum;
}

std::string fitted(std::string_view text, int width) {
  int sum = 0;
  size_t at = 0;
  while (at < text.size()) {
    const auto [point, length] = point_at(text, at);
    sum += utf8proc_charwidth(point);
    if (sum > width) break;
    at += length;
  }
  return std::string(text.substr(0, at));
}

std::string plain_ascii(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords{
      {{"→", "->"}, {"…", "..."}, {"×", "x"}, {"−", "-"}, {"–", "-"}, {"━", "="}, {"─", "-"}}};
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = point_at(text, at).second;
    std::string_view piece = text.substr(at, length);
    for (const auto& [from, to] : kWords)
      if (piece == from) piece = to;
    out += piece;
    at += length;
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto [point, length] = point_at(text, at);
    const bool valid = length > 1 || static_cast<unsigned char>(text[at]) < 0x80;
    if (!valid) {
      out += '?';
    } else if (utf8proc_category(point) == UTF8PROC_CATEGORY_CC) {
      out += ' ';
    } else {
      out += text.substr(at, length);
    }
    at += length;
  }
  return out;
}

}  // namespace hone::trainer
