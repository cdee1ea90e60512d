// Numbers in texts, as Python reads and writes them.
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "data/template/jinja/characters.h"
#include "data/template/jinja/runtime.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

// Without the underscores that may stand between two digits; empty where one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string plain;
  const auto digit = [&](size_t i) {
    const char c = i < text.size() ? char(text[i] | 0x20) : ' ';
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_')
      plain += text[i];
    else if (i == 0 || !digit(i - 1) || !digit(i + 1))
      return {};
  }
  return plain;
}

// Digits of other scripts as ASCII.
std::string ascii_digits(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (point.value >= 0x80 && is_decimal(point.value)) {
      char32_t zero = point.value;  // ten digits follow one another, from zero
      while (point.value - zero < 9 && is_decimal(zero - 1)) --zero;
      out += char('0' + (point.value - zero));
    } else {
      out.append(text.substr(at, point.length));
    }
    at += point.length;
  }
  return out;
}

}  // namespace

std::string_view stripped(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = code_point_at(text, 0);
    if (!is_python_space(point.value)) break;
    text.remove_prefix(point.length);
  }
  while (!text.empty()) {
    const CodePoint point = code_point_before(text, text.size());
    if (!is_python_space(point.value)) break;
    text.remove_suffix(point.length);
  }
  return text;
}

std::optional<double> python_float(std::string_view text) {
  if (text.size() > 4096) return {};
  const auto plain = without_underscores(ascii_digits(stripped(text)));
  if (!plain) return {};
  std::string_view number = *plain;
  bool minus = false;
  if (!number.empty() && (number[0] == '-' || number[0] == '+')) minus = number[0] == '-', number.remove_prefix(1);
  std::string low;
  for (const char c : number) low += c >= 'A' && c <= 'Z' ? char(c | 0x20) : c;
  double value = 0;
  if (low == "inf" || low == "infinity") {
    value = HUGE_VAL;
  } else if (low == "nan") {
    value = std::nan("");
  } else {
    if (low.empty() || (low[0] != '.' && (low[0] < '0' || low[0] > '9'))) return {};
    const auto read = std::from_chars(low.data(), low.data() + low.size(), value);
    if (read.ptr != low.data() + low.size()) return {};
    if (read.ec == std::errc::result_out_of_range) {  // too large or too small to tell apart by itself
      const size_t e = low.find('e');
      value = e != std::string::npos && e + 1 < low.size() && low[e + 1] == '-' ? 0 : HUGE_VAL;
      if (e == std::string::npos && low.find_first_of("123456789") > low.find('.')) value = 0;
    }
  }
  return minus ? -value : value;
}

std::optional<int64_t> python_integer(std::string_view text, int base) {
  if (base != 0 && (base < 2 || base > 36)) throw Problem("int() base must be 2 to 36, or 0");
  std::string low = ascii_digits(stripped(text));
  bool minus = false;
  if (!low.empty() && (low[0] == '-' || low[0] == '+')) minus = low[0] == '-', low.erase(0, 1);
  for (char& c : low)
    if (c >= 'A' && c <= 'Z') c = char(c | 0x20);
  if (low.size() > 1 && low[0] == '0') {
    const int marked = low[1] == 'x' ? 16 : low[1] == 'o' ? 8 : low[1] == 'b' ? 2 : 0;
    if (marked && (base == 0 || base == marked)) {
      base = marked, low.erase(0, 2);
      if (!low.empty() && low[0] == '_') low.erase(0, 1);
    } else if (base == 0 && low.find_first_not_of("0_") != std::string::npos) {
      return {};
    }
  }
  const auto plain = without_underscores(low);
  if (!plain || plain->empty() || (*plain)[0] == '-') return {};
  uint64_t value = 0;
  const auto read = std::from_chars(plain->data(), plain->data() + plain->size(), value, base ? base : 10);
  if (read.ptr != plain->data() + plain->size()) return {};
  if (read.ec != std::errc() || value > uint64_t(INT64_MAX)) throw Problem("a whole number of more than 64 bits");
  return minus ? -int64_t(value) : int64_t(value);
}

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto made = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string digits(buffer, made.ptr), text;
  if (digits[0] == '-') text = "-", digits.erase(0, 1);
  const size_t e = digits.find('e');
  int exponent = std::atoi(digits.c_str() + e + 1);
  digits.erase(e);
  if (digits.size() > 1) digits.erase(1, 1);  // the point
  if (exponent < -4 || exponent >= 16) {
    text += digits[0];
    if (digits.size() > 1) text += "." + digits.substr(1);
    text += exponent < 0 ? "e-" : "e+";
    exponent = std::abs(exponent);
    return text + (exponent < 10 ? "0" : "") + std::to_string(exponent);
  }
  if (exponent < 0) return text + "0." + std::string(size_t(-exponent - 1), '0') + digits;
  if (digits.size() <= size_t(exponent) + 1)
    return text + digits + std::string(size_t(exponent) + 1 - digits.size(), '0') + ".0";
  return text + digits.substr(0, size_t(exponent) + 1) + "." + digits.substr(size_t(exponent) + 1);
}

}  // namespace hone::data::jinja
