#include "data/check/text_faults.h"

#include <cstdint>
#include <cstring>
#include <utility>

namespace hone::data {

namespace {
// The byte that a character was before it was read as Windows-1252 (or Latin-1); -1 where it was none above 0x7F.
int byte_of(char32_t point) {
  constexpr char16_t kWindows[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                     0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                     0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                     0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
  if (point >= 0x80 && point <= 0xFF) return int(point);
  for (int i = 0; i < 32; ++i)
    if (kWindows[i] != 0 && kWindows[i] == point) return 0x80 + i;
  return -1;
}

struct Point {
  char32_t value;
  size_t next;
};
Point point_at(std::string_view text, size_t i) {
  const auto byte = [&](size_t j) { return j < text.size() ? static_cast<unsigned char>(text[j]) : 0u; };
  const unsigned lead = byte(i);
  if (lead < 0x80) return {lead, i + 1};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(i + 1) & 0x3F), i + 2};
  if (lead < 0xF0) return {(lead & 0x0F) << 12 | (byte(i + 1) & 0x3F) << 6 | (byte(i + 2) & 0x3F), i + 3};
  return {(lead & 7) << 18 | (byte(i + 1) & 0x3F) << 12 | (byte(i + 2) & 0x3F) << 6 | (byte(i + 3) & 0x3F), i + 4};
}

// Whether the characters from `lead` on are the bytes of one character of UTF-8: Ã¼, â€™, ðŸ˜€. What people write looks
// like this seldom: a lead byte's letter, then signs that no word holds.
bool doubly_encoded(std::string_view text, char32_t lead, size_t next) {
  // Leads that real mojibake of European text and of emoji has; others would take in words such as "Ã" + "O".
  const int more = lead == 0xC2 || lead == 0xC3 || (lead >= 0xC4 && lead <= 0xC5) ? 1
                   : lead == 0xE2 || lead == 0xE3                                 ? 2
                   : lead == 0xF0                                                 ? 3
                                                                                  : 0;
  for (int i = 0; i < more; ++i) {
    if (next >= text.size()) return false;
    const auto [point, after] = point_at(text, next);
    const int byte = byte_of(point);
    if (byte < 0x80 || byte > 0xBF) return false;
    if (lead == 0xE2 && i == 0 && (byte < 0x80 || byte > 0x9E)) return false;
    if (lead == 0xF0 && i == 0 && byte != 0x9F) return false;
    next = after;
  }
  return more > 0;
}
}  // namespace

TextFaults text_faults(std::string_view text) {
  TextFaults faults;
  for (size_t i = 0; i < text.size();) {
    uint64_t eight = 0;
    while (i + 8 <= text.size()) {  // eight printable ASCII characters at a time
      std::memcpy(&eight, text.data() + i, 8);
      const uint64_t below_space = (eight - 0x2020202020202020u) & ~eight & 0x8080808080808080u;
      const uint64_t deletes =
          ((eight ^ 0x7F7F7F7F7F7F7F7Fu) - 0x0101010101010101u) & ~(eight ^ 0x7F7F7F7F7F7F7F7Fu) & 0x8080808080808080u;
      if ((eight & 0x8080808080808080u) | below_space | deletes) break;
      i += 8;
    }
    if (i >= text.size()) break;
    const auto [point, next] = point_at(text, i);
    if (point < 0x20) {
      faults.control = faults.control || (point != '\t' && point != '\n' && point != '\r');
    } else if (point >= 0x7F) {
      faults.control = faults.control || point == 0x7F || (point >= 0x80 && point < 0xA0 && point != 0x85);
      faults.replacement = faults.replacement || point == 0xFFFD;
      if (!faults.mojibake && point >= 0xC2 && point <= 0xF0) faults.mojibake = doubly_encoded(text, point, next);
    }
    i = next;
  }
  return faults;
}

}  // namespace hone::data
