// Made from Python 3.11's str methods (Unicode 14): what the categories and simple cases of utf8proc do not say.
#include <utf8proc.h>

#include <algorithm>

#include "data/template/jinja/characters.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

struct PointRange {
  char32_t first, last;
};
struct LongCase {
  char32_t point;
  const char* text;
};

// Lower case, but not of the category Ll.
const PointRange kOtherLower[] = {
    {0xAA, 0xAA},     {0xBA, 0xBA},     {0x2B0, 0x2B8},     {0x2C0, 0x2C1},     {0x2E0, 0x2E4},     {0x345, 0x345},
    {0x37A, 0x37A},   {0x1D2C, 0x1D6A}, {0x1D78, 0x1D78},   {0x1D9B, 0x1DBF},   {0x2071, 0x2071},   {0x207F, 0x207F},
    {0x2090, 0x209C}, {0x2170, 0x217F}, {0x24D0, 0x24E9},   {0x2C7C, 0x2C7D},   {0xA69C, 0xA69D},   {0xA770, 0xA770},
    {0xA7F8, 0xA7F9}, {0xAB5C, 0xAB5F}, {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA}};

// Upper case, but not of the category Lu.
const PointRange kOtherUpper[] = {
    {0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};

// isdigit(), but not of the category Nd.
const PointRange kOtherDigit[] = {{0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
                                  {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
                                  {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
                                  {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
                                  {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}};

// isnumeric(), but not of the categories N.
const PointRange kOtherNumeric[] = {
    {0x3405, 0x3405},   {0x3483, 0x3483},   {0x382A, 0x382A},   {0x3B4D, 0x3B4D},   {0x4E00, 0x4E00},
    {0x4E03, 0x4E03},   {0x4E07, 0x4E07},   {0x4E09, 0x4E09},   {0x4E5D, 0x4E5D},   {0x4E8C, 0x4E8C},
    {0x4E94, 0x4E94},   {0x4E96, 0x4E96},   {0x4EBF, 0x4EC0},   {0x4EDF, 0x4EDF},   {0x4EE8, 0x4EE8},
    {0x4F0D, 0x4F0D},   {0x4F70, 0x4F70},   {0x5104, 0x5104},   {0x5146, 0x5146},   {0x5169, 0x5169},
    {0x516B, 0x516B},   {0x516D, 0x516D},   {0x5341, 0x5341},   {0x5343, 0x5345},   {0x534C, 0x534C},
    {0x53C1, 0x53C4},   {0x56DB, 0x56DB},   {0x58F1, 0x58F1},   {0x58F9, 0x58F9},   {0x5E7A, 0x5E7A},
    {0x5EFE, 0x5EFF},   {0x5F0C, 0x5F0E},   {0x5F10, 0x5F10},   {0x62FE, 0x62FE},   {0x634C, 0x634C},
    {0x67D2, 0x67D2},   {0x6F06, 0x6F06},   {0x7396, 0x7396},   {0x767E, 0x767E},   {0x8086, 0x8086},
    {0x842C, 0x842C},   {0x8CAE, 0x8CAE},   {0x8CB3, 0x8CB3},   {0x8D30, 0x8D30},   {0x9621, 0x9621},
    {0x9646, 0x9646},   {0x964C, 0x964C},   {0x9678, 0x9678},   {0x96F6, 0x96F6},   {0xF96B, 0xF96B},
    {0xF973, 0xF973},   {0xF978, 0xF978},   {0xF9B2, 0xF9B2},   {0xF9D1, 0xF9D1},   {0xF9D3, 0xF9D3},
    {0xF9FD, 0xF9FD},   {0x20001, 0x20001}, {0x20064, 0x20064}, {0x200E2, 0x200E2}, {0x20121, 0x20121},
    {0x2092A, 0x2092A}, {0x20983, 0x20983}, {0x2098C, 0x2098C}, {0x2099C, 0x2099C}, {0x20AEA, 0x20AEA},
    {0x20AFD, 0x20AFD}, {0x20B19, 0x20B19}, {0x22390, 0x22390}, {0x22998, 0x22998}, {0x23B1B, 0x23B1B},
    {0x2626D, 0x2626D}, {0x2F890, 0x2F890}};

// Upper case that is more than one character.
const LongCase kLongUpper[] = {
    {0xDF, "SS"},   {0x149, "ʼN"},  {0x1F0, "J̌"},    {0x390, "Ϊ́"},    {0x3B0, "Ϋ́"},   {0x587, "ԵՒ"},  {0x1E96, "H̱"},
    {0x1E97, "T̈"},  {0x1E98, "W̊"},  {0x1E99, "Y̊"},   {0x1E9A, "Aʾ"},  {0x1F50, "Υ̓"},  {0x1F52, "Υ̓̀"},  {0x1F54, "Υ̓́"},
    {0x1F56, "Υ̓͂"},  {0x1F80, "ἈΙ"}, {0x1F81, "ἉΙ"},  {0x1F82, "ἊΙ"},  {0x1F83, "ἋΙ"}, {0x1F84, "ἌΙ"}, {0x1F85, "ἍΙ"},
    {0x1F86, "ἎΙ"}, {0x1F87, "ἏΙ"}, {0x1F88, "ἈΙ"},  {0x1F89, "ἉΙ"},  {0x1F8A, "ἊΙ"}, {0x1F8B, "ἋΙ"}, {0x1F8C, "ἌΙ"},
    {0x1F8D, "ἍΙ"}, {0x1F8E, "ἎΙ"}, {0x1F8F, "ἏΙ"},  {0x1F90, "ἨΙ"},  {0x1F91, "ἩΙ"}, {0x1F92, "ἪΙ"}, {0x1F93, "ἫΙ"},
    {0x1F94, "ἬΙ"}, {0x1F95, "ἭΙ"}, {0x1F96, "ἮΙ"},  {0x1F97, "ἯΙ"},  {0x1F98, "ἨΙ"}, {0x1F99, "ἩΙ"}, {0x1F9A, "ἪΙ"},
    {0x1F9B, "ἫΙ"}, {0x1F9C, "ἬΙ"}, {0x1F9D, "ἭΙ"},  {0x1F9E, "ἮΙ"},  {0x1F9F, "ἯΙ"}, {0x1FA0, "ὨΙ"}, {0x1FA1, "ὩΙ"},
    {0x1FA2, "ὪΙ"}, {0x1FA3, "ὫΙ"}, {0x1FA4, "ὬΙ"},  {0x1FA5, "ὭΙ"},  {0x1FA6, "ὮΙ"}, {0x1FA7, "ὯΙ"}, {0x1FA8, "ὨΙ"},
    {0x1FA9, "ὩΙ"}, {0x1FAA, "ὪΙ"}, {0x1FAB, "ὫΙ"},  {0x1FAC, "ὬΙ"},  {0x1FAD, "ὭΙ"}, {0x1FAE, "ὮΙ"}, {0x1FAF, "ὯΙ"},
    {0x1FB2, "ᾺΙ"}, {0x1FB3, "ΑΙ"}, {0x1FB4, "ΆΙ"},  {0x1FB6, "Α͂"},   {0x1FB7, "Α͂Ι"}, {0x1FBC, "ΑΙ"}, {0x1FC2, "ῊΙ"},
    {0x1FC3, "ΗΙ"}, {0x1FC4, "ΉΙ"}, {0x1FC6, "Η͂"},   {0x1FC7, "Η͂Ι"},  {0x1FCC, "ΗΙ"}, {0x1FD2, "Ϊ̀"},  {0x1FD3, "Ϊ́"},
    {0x1FD6, "Ι͂"},  {0x1FD7, "Ϊ͂"},  {0x1FE2, "Ϋ̀"},   {0x1FE3, "Ϋ́"},   {0x1FE4, "Ρ̓"},  {0x1FE6, "Υ͂"},  {0x1FE7, "Ϋ͂"},
    {0x1FF2, "ῺΙ"}, {0x1FF3, "ΩΙ"}, {0x1FF4, "ΏΙ"},  {0x1FF6, "Ω͂"},   {0x1FF7, "Ω͂Ι"}, {0x1FFC, "ΩΙ"}, {0xFB00, "FF"},
    {0xFB01, "FI"}, {0xFB02, "FL"}, {0xFB03, "FFI"}, {0xFB04, "FFL"}, {0xFB05, "ST"}, {0xFB06, "ST"}, {0xFB13, "ՄՆ"},
    {0xFB14, "ՄԵ"}, {0xFB15, "ՄԻ"}, {0xFB16, "ՎՆ"},  {0xFB17, "ՄԽ"}};

// Title case that is more than one character.
const LongCase kLongTitle[] = {
    {0xDF, "Ss"},   {0x149, "ʼN"},  {0x1F0, "J̌"},   {0x390, "Ϊ́"},   {0x3B0, "Ϋ́"},    {0x587, "Եւ"},   {0x1E96, "H̱"},
    {0x1E97, "T̈"},  {0x1E98, "W̊"},  {0x1E99, "Y̊"},  {0x1E9A, "Aʾ"}, {0x1F50, "Υ̓"},   {0x1F52, "Υ̓̀"},   {0x1F54, "Υ̓́"},
    {0x1F56, "Υ̓͂"},  {0x1FB2, "Ὰͅ"},  {0x1FB4, "Άͅ"},  {0x1FB6, "Α͂"},  {0x1FB7, "ᾼ͂"},   {0x1FC2, "Ὴͅ"},   {0x1FC4, "Ήͅ"},
    {0x1FC6, "Η͂"},  {0x1FC7, "ῌ͂"},  {0x1FD2, "Ϊ̀"},  {0x1FD3, "Ϊ́"},  {0x1FD6, "Ι͂"},   {0x1FD7, "Ϊ͂"},   {0x1FE2, "Ϋ̀"},
    {0x1FE3, "Ϋ́"},  {0x1FE4, "Ρ̓"},  {0x1FE6, "Υ͂"},  {0x1FE7, "Ϋ͂"},  {0x1FF2, "Ὼͅ"},   {0x1FF4, "Ώͅ"},   {0x1FF6, "Ω͂"},
    {0x1FF7, "ῼ͂"},  {0xFB00, "Ff"}, {0xFB01, "Fi"}, {0xFB02, "Fl"}, {0xFB03, "Ffi"}, {0xFB04, "Ffl"}, {0xFB05, "St"},
    {0xFB06, "St"}, {0xFB13, "Մն"}, {0xFB14, "Մե"}, {0xFB15, "Մի"}, {0xFB16, "Վն"},  {0xFB17, "Մխ"}};

template <size_t N>
bool among(const PointRange (&ranges)[N], char32_t point) {
  const auto* at =
      std::upper_bound(ranges, ranges + N, point, [](char32_t p, const PointRange& r) { return p < r.first; });
  return at != ranges && point <= (at - 1)->last;
}
template <size_t N>
const char* long_case(const LongCase (&cases)[N], char32_t point) {
  const auto* at = std::lower_bound(cases, cases + N, point, [](const LongCase& c, char32_t p) { return c.point < p; });
  return at != cases + N && at->point == point ? at->text : nullptr;
}

utf8proc_category_t category(char32_t point) { return utf8proc_category(utf8proc_int32_t(point)); }
bool ascii_letter(char32_t point) { return (point | 0x20) >= 'a' && (point | 0x20) <= 'z'; }
bool cased(char32_t point) { return is_lower(point) || is_upper(point) || is_title(point); }

// What the rule of the final sigma looks through (Case_Ignorable, but for rare characters).
bool ignored_by_case(char32_t point) {
  switch (category(point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      break;
  }
  for (const char32_t other :
       U"'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A")
    if (point == other && point) return true;
  return false;
}

bool final_sigma(std::string_view text, size_t at) {
  bool before = false;
  for (size_t p = at; p > 0;) {
    const CodePoint point = code_point_before(text, p);
    p -= point.length;
    if (ignored_by_case(point.value)) continue;
    before = cased(point.value);
    break;
  }
  if (!before) return false;
  for (size_t p = at + 2; p < text.size();) {
    const CodePoint point = code_point_at(text, p);
    p += point.length;
    if (!ignored_by_case(point.value)) return !cased(point.value);
  }
  return true;
}

}  // namespace

bool is_python_space(char32_t point) {
  if (point < 0x80) return point == ' ' || (point >= 9 && point <= 13) || (point >= 0x1C && point <= 0x1F);
  return point == 0x85 || point == 0xA0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
         point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}
bool is_line_end(char32_t point) {
  return (point >= 10 && point <= 13) || (point >= 0x1C && point <= 0x1E) || point == 0x85 || point == 0x2028 ||
         point == 0x2029;
}
bool is_alpha(char32_t point) {
  if (point < 0x80) return ascii_letter(point);
  const auto c = category(point);
  return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}
bool is_decimal(char32_t point) {
  return point < 0x80 ? point >= '0' && point <= '9' : category(point) == UTF8PROC_CATEGORY_ND;
}
bool is_digit(char32_t point) { return is_decimal(point) || among(kOtherDigit, point); }
bool is_numeric(char32_t point) {
  const auto c = category(point);
  return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO ||
         among(kOtherNumeric, point);
}
bool is_lower(char32_t point) {
  if (point < 0x80) return point >= 'a' && point <= 'z';
  return category(point) == UTF8PROC_CATEGORY_LL || among(kOtherLower, point);
}
bool is_upper(char32_t point) {
  if (point < 0x80) return point >= 'A' && point <= 'Z';
  return category(point) == UTF8PROC_CATEGORY_LU || among(kOtherUpper, point);
}
bool is_title(char32_t point) { return point >= 0x80 && category(point) == UTF8PROC_CATEGORY_LT; }
bool is_printable(char32_t point) {
  if (point < 0x80) return point >= 0x20 && point < 0x7F;
  switch (category(point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

void append_case(TextBuilder& out, const Text& text, size_t begin, size_t end, Case to) {
  const std::string_view bytes = text.bytes().substr(0, end);
  bool first = true, in_word = false;
  for (size_t at = begin; at < end;) {
    const CodePoint point = code_point_at(bytes, at);
    const uint8_t origin = text.origin_at(at);
    const bool letter = to != Case::upper && to != Case::lower && to != Case::fold && cased(point.value);
    enum { up, down, initial } way = up;
    if (to == Case::lower || to == Case::fold || (to == Case::title && in_word) || (to == Case::capitalize && !first))
      way = down;
    if ((to == Case::title && !in_word) || (to == Case::capitalize && first)) way = initial;
    if (to == Case::swap) way = is_upper(point.value) ? down : up;
    if (to == Case::swap && !is_upper(point.value) && !is_lower(point.value)) {
      out.append(text, at, at + point.length);
    } else if (point.value < 0x80) {
      const bool lower = way == down;
      const char32_t made = !ascii_letter(point.value) ? point.value
                            : lower                    ? point.value | 0x20
                                                       : point.value & ~0x20u;
      const char byte = char(made);
      out.append({&byte, 1}, origin);
    } else if (to == Case::fold) {
      utf8proc_int32_t folded[8];
      int boundary = 0;
      const auto count =
          utf8proc_decompose_char(utf8proc_int32_t(point.value), folded, 8, UTF8PROC_CASEFOLD, &boundary);
      for (long i = 0; i < count; ++i) out.append(char32_t(folded[i]), origin);
    } else if (way == down) {
      if (point.value == 0x130)
        out.append("i\u0307", origin);
      else if (point.value == 0x3A3)
        out.append(final_sigma(bytes.substr(begin), at - begin) ? "ς" : "σ", origin);
      else
        out.append(char32_t(utf8proc_tolower(utf8proc_int32_t(point.value))), origin);
    } else {
      const char* several = way == up ? long_case(kLongUpper, point.value) : long_case(kLongTitle, point.value);
      const auto number = utf8proc_int32_t(point.value);
      if (several)
        out.append(several, origin);
      else
        out.append(char32_t(way == up ? utf8proc_toupper(number) : utf8proc_totitle(number)), origin);
    }
    first = false;
    in_word = letter;
    at += point.length;
  }
}

std::string escaped_point(char32_t point) {
  static constexpr char kHex[] = "0123456789abcdef";
  const int digits = point < 0x100 ? 2 : point < 0x10000 ? 4 : 8;
  std::string text = digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
  for (int i = digits - 1; i >= 0; --i) text += kHex[point >> (4 * i) & 15];
  return text;
}

}  // namespace hone::data::jinja
