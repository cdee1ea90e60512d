#include "kernels/host/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace hone {

namespace {
size_t edit_distance(std::string_view a, std::string_view b) {  // with swaps of neighbours (optimal string alignment)
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}
}  // namespace

std::optional<std::string> nearest(std::string_view name, std::span<const std::string> candidates) {
  std::optional<std::string> best;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : candidates)
    if (const size_t distance = edit_distance(name, candidate); distance < least) least = distance, best = candidate;
  return best;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || !std::isfinite(value)) return {};
  return value;
}

std::string to_text(double value) {
  std::array<char, 40> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

bool valid_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    uint64_t eight = 0;
    while (i + 8 <= text.size()) {  // ASCII, eight bytes at a time
      std::memcpy(&eight, text.data() + i, 8);
      if (eight & 0x8080808080808080u) break;
      i += 8;
    }
    if (i == text.size()) break;
    const unsigned char lead = byte(i);
    const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (size_t j = 1; j < length; ++j)
      if ((byte(i + j) & 0xC0) != 0x80) return false;
    if (lead == 0xE0 && byte(i + 1) < 0xA0) return false;  // overlong
    if (lead == 0xED && byte(i + 1) > 0x9F) return false;  // surrogate
    if (lead == 0xF0 && byte(i + 1) < 0x90) return false;  // overlong
    if (lead == 0xF4 && byte(i + 1) > 0x8F) return false;  // above U+10FFFF
    i += length;
  }
  return true;
}

std::u32string utf32_from(std::string_view text) {
  std::u32string points;
  for (size_t i = 0; i < text.size();) {
    const unsigned char lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t point = length == 1 ? lead : lead & (0x7F >> length);
    for (size_t j = 1; j < length && i + j < text.size(); ++j) point = point << 6 | (text[i + j] & 0x3F);
    points += point;
    i += length;
  }
  return points;
}

void append_utf8(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += char(c);
  } else if (c < 0x800) {
    text += {char(0xC0 | c >> 6), char(0x80 | (c & 0x3F))};
  } else if (c < 0x10000) {
    text += {char(0xE0 | c >> 12), char(0x80 | (c >> 6 & 0x3F)), char(0x80 | (c & 0x3F))};
  } else {
    text +=
        {char(0xF0 | c >> 18), char(0x80 | (c >> 12 & 0x3F)), char(0x80 | (c >> 6 & 0x3F)), char(0x80 | (c & 0x3F))};
  }
}

std::string with_commas(int64_t value) {
  std::string digits = std::to_string(value < 0 ? -value : value);
  for (int at = int(digits.size()) - 3; at > 0; at -= 3) digits.insert(size_t(at), ",");
  return value < 0 ? "-" + digits : digits;
}

std::string bytes_text(uint64_t bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) value /= 1024, ++unit;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::optional<uint64_t> parse_bytes(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::optional<double> value = parse_number(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (!value || *value < 0) return {};
  if (unit.empty()) unit = "B";
  constexpr std::string_view kPrefixes = "KMGT";
  const size_t prefix = unit == "B" ? 0 : kPrefixes.find(unit[0]) + 1;  // 0 too where there is no such prefix
  const bool binary = prefix > 0 && unit.substr(1) == "iB";
  if (unit != "B" && (prefix == 0 || (!binary && unit.substr(1) != "B"))) return {};
  const double bytes = *value * std::pow(binary ? 1024.0 : 1000.0, double(prefix));
  if (!(bytes < 9e18)) return {};
  return uint64_t(bytes);
}

std::string duration_text(double seconds) {
  const int64_t whole = int64_t(seconds + 0.5);
  std::array<char, 48> text{};
  if (whole < 60) {
    std::snprintf(text.data(), text.size(), "%d s", int(whole));
  } else if (whole < 3600) {
    std::snprintf(text.data(), text.size(), "%d min %02d s", int(whole / 60), int(whole % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%lld h %02d min", static_cast<long long>(whole / 3600),
                  int(whole % 3600 / 60));
  }
  return text.data();
}

}  // namespace hone
