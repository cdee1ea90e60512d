#include "data/check/phone_numbers.h"

#include <algorithm>
#include <array>
#include <string>

namespace hone::data {

namespace {
bool digit(char c) { return c >= '0' && c <= '9'; }
bool alnum(char c) { return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lowered(char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; }

// Calling codes of ITU-T E.164 by their first two digits: those of two digits, and what begins those of three.
bool calling_code(std::string_view digits) {
  constexpr std::string_view kTwo =
      "20 27 28 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 "
      "86 90 91 92 93 94 95 98 ";
  constexpr std::string_view kOfThree = "21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 ";
  if (digits[0] == '1' || digits[0] == '7') return true;
  const std::string two = std::string(digits.substr(0, 2)) + " ";
  return kTwo.find(two) != std::string_view::npos || kOfThree.find(two) != std::string_view::npos;
}

struct Number {
  std::string digits;
  size_t end = 0;
  int separators = 0, dots = 0;
};
// Digits with single separators between groups, and one pair of brackets.
Number read(std::string_view text, size_t i) {
  Number number;
  bool open = false, was_open = false;
  for (; i < text.size() && number.digits.size() <= 15; ++i) {
    const char c = text[i], next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (digit(c)) {
      number.digits += c, number.end = i + 1;
    } else if (c == '(' && !was_open && digit(next)) {
      open = was_open = true, ++number.separators;
    } else if (c == ')' && open && (digit(next) || next == ' ' || next == '-')) {
      open = false;
      if (!digit(next) && !(i + 2 < text.size() && digit(text[i + 2]))) break;
      if (!digit(next)) ++i;
    } else if ((c == ' ' || c == '-' || c == '.' || c == '/') && (digit(next) || (next == '(' && !was_open))) {
      ++number.separators, number.dots += c == '.';
    } else {
      break;
    }
  }
  return number;
}

// The end of ddd-ddd-dddd, ddd.ddd.dddd or (ddd) ddd-dddd with an area and an exchange that North America has.
size_t north_american(std::string_view text, size_t begin) {
  const auto form = [&](std::string_view shape) -> size_t {
    if (text.size() - begin < shape.size()) return 0;
    for (size_t i = 0; i < shape.size(); ++i) {
      const char c = text[begin + i], f = shape[i];
      if (f == 'N' ? !(c >= '2' && c <= '9') : f == '9' ? !digit(c) : c != f) return 0;
    }
    return begin + shape.size();
  };
  for (const std::string_view shape :
       {"N99-N99-9999", "N99.N99.9999", "(N99) N99-9999", "(N99)N99-9999", "1-N99-N99-9999"})
    if (const size_t end = form(shape)) return end;
  return 0;
}

// Whether what stands before says that a telephone number comes.
bool announced(std::string_view text, size_t begin, char first) {
  constexpr std::array<std::string_view, 12> kWords{"tel",   "phone", "telephone", "fax",       "mobile", "telefon",
                                                    "mobil", "handy", "whatsapp",  "téléphone", "tél",    "cellphone"};
  constexpr std::array<std::string_view, 6> kFillers{"number", "no", "nr", "nummer", "num", "is"};
  std::string before(text.substr(begin > 32 ? begin - 32 : 0, std::min<size_t>(begin, 32)));
  std::ranges::transform(before, before.begin(), lowered);
  bool colon = false;
  const auto strip = [&] {
    while (!before.empty() && std::string_view(" .:#(=\t\"'").find(before.back()) != std::string_view::npos) {
      colon = colon || before.back() == ':' || before.back() == '.' || before.back() == '#';
      before.pop_back();
    }
  };
  const auto ends_with_word = [&](std::string_view word) {
    return before.ends_with(word) && (before.size() == word.size() || !alnum(before[before.size() - word.size() - 1]));
  };
  strip();
  for (size_t i = 0; i < 2 * kFillers.size(); ++i) {  // "number is"
    const std::string_view filler = kFillers[i % kFillers.size()];
    if (ends_with_word(filler)) before.resize(before.size() - filler.size()), colon = true, strip();
  }
  return (colon || first == '0') && std::ranges::any_of(kWords, ends_with_word);
}
}  // namespace

size_t phone_number(std::string_view text, size_t begin) {
  const char first = text[begin];
  size_t before = begin;
  while (before > 0 && begin - before < 3 && text[before - 1] == ' ') --before;
  const char previous = begin > 0 ? text[begin - 1] : '\0', previous_word = before > 0 ? text[before - 1] : '\0';
  const auto free_after = [&](size_t end) {
    if (end < text.size() && (alnum(text[end]) || text[end] == '_' || text[end] == '%')) return false;
    size_t i = end;
    while (i < text.size() && i - end < 3 && text[i] == ' ') ++i;
    return !(i < text.size() && std::string_view("=+*<>^").find(text[i]) != std::string_view::npos) &&
           !(i + 1 < text.size() && (text[i] == '-' || text[i] == '.' || text[i] == ',') && digit(text[i + 1]));
  };
  if (first == '+') {
    // A sum has something before its '+'.
    if (alnum(previous) || previous == ')' || previous == '+' || digit(previous_word) || previous_word == ')') return 0;
    const Number number = read(text, begin + 1);
    const size_t count = number.digits.size();
    if (number.separators == 1 && number.dots == 1) return 0;  // a fraction
    if (count < 8 || count > 15 || (number.separators == 0 && count < 10) || !calling_code(number.digits)) return 0;
    return free_after(number.end) ? number.end : 0;
  }
  if (alnum(previous) || previous == '.' || previous == '-') return 0;
  if (std::string_view("=+*<>^").find(previous_word) == std::string_view::npos || previous_word == '\0')
    if (const size_t end = north_american(text, begin); end > 0 && free_after(end)) return end;
  const Number number = read(text, begin);
  const bool fits = number.digits.size() >= 7 && number.digits.size() <= 15 && free_after(number.end);
  return fits && announced(text, begin, first) ? number.end : 0;
}

}  // namespace hone::data
