#include "data/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "data/tokenizer/unicode_tables.h"
#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
template <class Range>
const Range* range_of(std::span<const Range> ranges, char32_t point) {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), point, [](char32_t p, const Range& r) { return p < r.first; });
  if (after == ranges.begin() || point > std::prev(after)->last) return nullptr;
  return &*std::prev(after);
}

char32_t stand_in(char32_t point) {
  if (point < 0x800) return point;
  const StandInRange* range = range_of(stand_in_ranges(), point);
  return range ? range->stand_in : point;
}

utf8proc_category_t category(char32_t point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(stand_in(point)));
}

bool between(char32_t point, char32_t first, char32_t last) { return point >= first && point <= last; }

// A piece without code points that the library leaves alone.
void append_normal_form(std::string& to, std::string_view text, NormalForm form) {
  if (text.empty()) return;
  int options = UTF8PROC_STABLE;
  options |= form == NormalForm::nfc || form == NormalForm::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::nfkc || form == NormalForm::nfkd) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  require(length >= 0, ExitCode::input, "[tokenizer] a text could not be normalised: ", utf8proc_errmsg(length));
  to.append(reinterpret_cast<const char*>(result), static_cast<size_t>(length));
}

// The code points that the library's normal forms do not know stay as they are, and nothing happens across them.
void append_known(std::string& to, std::string_view text, NormalForm form) {
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (point.length > 1 && range_of(unnormalised_ranges(), point.value)) {
      append_normal_form(to, text.substr(begin, at - begin), form);
      to += text.substr(at, point.length);
      begin = at + point.length;
    }
    at += point.length;
  }
  append_normal_form(to, text.substr(begin), form);
}

// Characters that NFC leaves as they are wherever they stand, and over which nothing moves or composes from right to
// left: class 0, their own NFC, and not what comes second in a composition (nor beginning with that when decomposed).
// See Unicode Standard Annex 15, sections 9 and 11. Above the table nothing is taken to be inert.
constexpr char32_t kInertEnd = 0x30000;
std::vector<bool> find_inert() {
  std::vector<bool> inert(kInertEnd, true);
  std::vector<std::pair<char32_t, char32_t>> composites;  // and what they begin with
  for (char32_t point = 0; point < kInertEnd; ++point) {
    if (between(point, 0xD800, 0xDFFF)) continue;
    const auto value = static_cast<utf8proc_int32_t>(point);
    if (utf8proc_get_property(value)->combining_class != 0) inert[point] = false;
    std::array<utf8proc_int32_t, 16> parts{};
    int last_class = 0;
    const auto stable = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    const utf8proc_ssize_t count = utf8proc_decompose_char(value, parts.data(), parts.size(), stable, &last_class);
    require(count >= 1 && count <= utf8proc_ssize_t(parts.size()), "[tokenizer] U+", uint32_t(point),
            " has no decomposition");
    if (count == 1 && parts[0] == value) continue;
    for (utf8proc_ssize_t i = 1; i < count; ++i)
      if (char32_t(parts[size_t(i)]) < kInertEnd) inert[char32_t(parts[size_t(i)])] = false;
    composites.emplace_back(point, char32_t(parts[0]));
    const auto composed = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (utf8proc_normalize_utf32(parts.data(), count, composed) != 1 || parts[0] != value) inert[point] = false;
  }
  for (const auto& [point, begins] : composites)
    if (begins >= kInertEnd || !inert[begins]) inert[point] = false;
  return inert;
}
bool is_inert(char32_t point) {
  static const std::vector<bool> inert = find_inert();
  return point < 0x300 || (point < kInertEnd && inert[point]);
}

size_t next_not_inert(std::string_view text, size_t at) {
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < 0xCC) {  // below U+0300
      ++at;
      continue;
    }
    const CodePoint point = code_point_at(text, at);
    if (!is_inert(point.value)) break;
    at += point.length;
  }
  return at;
}
}  // namespace

CodePoint code_point_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {char32_t((lead & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  if (lead < 0xF0) return {char32_t((lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)), 3};
  return {char32_t((lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F)), 4};
}

CodePoint code_point_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return code_point_at(text, at);
}

bool keeps_normal_form(std::string_view text, NormalForm form) {
  if (form == NormalForm::nfc) return next_not_inert(text, 0) == text.size();
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string normal_form(std::string_view text, NormalForm form) {
  std::string result;
  result.reserve(text.size());
  if (form != NormalForm::nfc) {
    append_known(result, text, form);
    return result;
  }
  // Only what stands from the inert character before a stretch of others up to the next inert one can change.
  for (size_t at = 0; at < text.size();) {
    size_t end = next_not_inert(text, at);
    size_t begin = end;
    if (end > at && end < text.size()) begin -= code_point_before(text, end).length;
    result += text.substr(at, begin - at);
    while (end < text.size()) {
      const CodePoint point = code_point_at(text, end);
      if (is_inert(point.value)) break;
      end += point.length;
    }
    append_known(result, text.substr(begin, end - begin), form);
    at = end;
  }
  return result;
}

bool starts_normal_form(std::string_view text, size_t at, NormalForm form) {
  const CodePoint point = code_point_at(text, at);
  if (point.length == 1) return true;
  if (!is_inert(point.value)) return false;
  // A compatibility character may become one that composes.
  return form == NormalForm::nfc || normal_form(text.substr(at, point.length), form) == text.substr(at, point.length);
}

std::string lower_case(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const auto [point, length] = code_point_at(text, at);
    at += length;
    if (point < 0x80) {
      result += char(point >= 'A' && point <= 'Z' ? point + 32 : point);
    } else if (point == 0x130) {
      result += "i\u0307";
    } else {  // the rest of the branches: Unicode 16 and 17
      const char32_t lower = point == 0x1C89                      ? 0x1C8A
                             : point == 0xA7CB                    ? 0x264
                             : point == 0xA7DC                    ? 0x19B
                             : point == 0xA7CC || point == 0xA7CE ? point + 1
                             : point == 0xA7D2 || point == 0xA7D4 ? point + 1
                             : point == 0xA7DA                    ? point + 1
                             : between(point, 0x10D50, 0x10D65)   ? point + 0x20
                             : between(point, 0x16EA0, 0x16EB8)
                                 ? point + 0x1B
                                 : static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point)));
      append_utf8(result, lower);
    }
  }
  return result;
}

bool is_white_space(char32_t point) {
  return between(point, 9, 13) || point == ' ' || point == 0x85 || point == 0xA0 || point == 0x1680 ||
         between(point, 0x2000, 0x200A) || point == 0x2028 || point == 0x2029 || point == 0x202F || point == 0x205F ||
         point == 0x3000;
}

bool is_word(char32_t point) {
  if (point < 0x80)
    return between(point, 'a', 'z') || between(point, 'A', 'Z') || between(point, '0', '9') || point == '_';
  const utf8proc_category_t kind = category(point);
  const bool mark = kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC || kind == UTF8PROC_CATEGORY_ME;
  const bool letter = kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
  return letter || mark || kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL ||
         kind == UTF8PROC_CATEGORY_PC || point == 0x200C || point == 0x200D ||
         // symbols that are alphabetic: circled, squared and negative letters
         between(point, 0x24B6, 0x24E9) || between(point, 0x1F130, 0x1F149) || between(point, 0x1F150, 0x1F169) ||
         between(point, 0x1F170, 0x1F189);
}

bool is_numeric(char32_t point) {
  const utf8proc_category_t kind = category(point);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO ||
         between(point, 0x11DE0, 0x11DE9) || between(point, 0x16FF4, 0x16FF6);  // Unicode 17
}

bool is_punctuation(char32_t point) {
  if (point < 0x80)
    return between(point, '!', '/') || between(point, ':', '@') || between(point, '[', '`') || between(point, '{', '~');
  if (point == 0x166D || point == 0x111C9) return true;  // was punctuation in the Unicode of tokenizers' table
  const utf8proc_category_t kind = utf8proc_category(static_cast<utf8proc_int32_t>(point));
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO && !range_of(not_punctuation_ranges(), point) &&
         !range_of(stand_in_ranges(), point);
}

namespace {
// The category as Unicode 14 has it, older than which the library's tables are.
utf8proc_category_t old_category(char32_t point) {
  if (point == 0x1171E) return UTF8PROC_CATEGORY_MN;  // no newer one, but then of another category
  return range_of(stand_in_ranges(), point) ? UTF8PROC_CATEGORY_CN
                                            : utf8proc_category(static_cast<utf8proc_int32_t>(point));
}
}  // namespace

bool is_combining_mark(char32_t point) {
  const utf8proc_category_t kind = old_category(point);
  const bool mark = kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC || kind == UTF8PROC_CATEGORY_ME;
  return between(point, 0x1CF2, 0x1CF3) || (mark && !range_of(not_mark_ranges(), point));
}

bool is_nonspacing_mark(char32_t point) {
  return point == 0x1734 || (old_category(point) == UTF8PROC_CATEGORY_MN && !range_of(not_nonspacing_ranges(), point));
}

bool is_control(char32_t point) {
  if (point == '\t' || point == '\n' || point == '\r') return false;
  const bool newer =
      between(point, 0x890, 0x891) || point == 0x8E2 || point == 0x110CD || between(point, 0x13430, 0x13438);
  const utf8proc_category_t kind = old_category(point);
  return !newer && (kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF || kind == UTF8PROC_CATEGORY_CO);
}

// Ignorable code points that are not assigned break graphemes as control characters do; utf8proc takes them for others.
static bool is_ignorable(char32_t point) {
  return point == 0x2065 || between(point, 0xFFF0, 0xFFF8) || point == 0xE0000 || between(point, 0xE0002, 0xE001F) ||
         between(point, 0xE0080, 0xE00FF) || between(point, 0xE01F0, 0xE0FFF);
}

size_t end_of_grapheme(std::string_view text, size_t at) {
  CodePoint before = code_point_at(text, at);
  utf8proc_int32_t state = 0;
  for (at += before.length; at < text.size();) {
    const CodePoint now = code_point_at(text, at);
    const auto known = [](CodePoint point) {
      return is_ignorable(point.value) ? 1 : static_cast<utf8proc_int32_t>(stand_in(point.value));
    };
    if (utf8proc_grapheme_break_stateful(known(before), known(now), &state)) break;
    at += now.length;
    before = now;
  }
  return at;
}

bool needs_stand_ins(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0xE0) {
      ++at;
      continue;
    }
    const CodePoint point = code_point_at(text, at);
    if (stand_in(point.value) != point.value) return true;
    at += point.length;
  }
  return false;
}

std::string with_stand_ins(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    append_utf8(result, stand_in(point.value));
    at += point.length;
  }
  return result;
}

std::string excerpt(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && end < 60) end += code_point_at(text, end).length;
  return std::string(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

std::string lossy_utf8(std::string_view bytes) {
  if (valid_utf8(bytes)) return std::string(bytes);
  std::string text;
  const auto byte = [&](size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0; };
  for (size_t at = 0; at < bytes.size();) {
    const int lead = byte(at);
    const size_t length = lead < 0x80                 ? 1
                          : between(lead, 0xC2, 0xDF) ? 2
                          : between(lead, 0xE0, 0xEF) ? 3
                          : between(lead, 0xF0, 0xF4) ? 4
                                                      : 0;
    // the second byte has a narrower range after some leads: no overlong forms, no surrogates, nothing above U+10FFFF
    const int least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const int most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    size_t good = length == 0 ? 0 : 1;
    while (good > 0 && good < length && byte(at + good) >= (good == 1 ? least : 0x80) &&
           byte(at + good) <= (good == 1 ? most : 0xBF))
      ++good;
    if (length > 0 && good == length) {
      text += bytes.substr(at, length);
    } else {
      text += "\uFFFD";
    }
    at += std::max<size_t>(good, 1);
  }
  return text;
}

}  // namespace hone::data
