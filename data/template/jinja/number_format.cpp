#include "data/template/jinja/number_format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "data/template/jinja/runtime.h"

namespace hone::data::jinja {
namespace {

constexpr int kMostDigits = 5000;

// Sign, prefix, zeros up to the width, thousands.
std::string dressed(std::string digits, bool minus, const std::string& prefix, const NumberFormat& format) {
  const size_t whole = std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  const std::string rest = digits.substr(whole);
  digits.resize(whole);
  const std::string sign = minus ? "-" : format.sign == '-' ? "" : std::string(1, format.sign);
  const size_t around = sign.size() + prefix.size() + rest.size();
  const size_t width = size_t(std::max<int64_t>(0, format.zeros));
  if (width > format.limit && format.limit) throw Problem("a width that is too large");
  const bool finite = !digits.empty() && digits != "inf" && digits != "nan" && digits != "INF" && digits != "NAN";
  if (!format.grouping || !finite) {
    if (around + digits.size() < width) digits.insert(0, width - around - digits.size(), '0');
    return sign + prefix + digits + rest;
  }
  const size_t group = format.type == 'x' || format.type == 'X' || format.type == 'o' || format.type == 'b' ? 4 : 3;
  // Zeros take part in the grouping, and no separator comes first.
  const auto grouped_size = [&](size_t count) { return count + (count - 1) / group; };
  size_t count = digits.size();
  while (around + grouped_size(count) < width) ++count;
  digits.insert(0, count - digits.size(), '0');
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i && (digits.size() - i) % group == 0) grouped += format.grouping;
    grouped += digits[i];
  }
  return sign + prefix + grouped + rest;
}

std::string printed(const char* format, int precision, double value) {
  if (precision > kMostDigits) throw Problem("a precision that is too large");
  std::string text(size_t(precision) + 400, '\0');
  const int size = std::snprintf(text.data(), text.size(), format, precision, value);
  text.resize(size_t(size));
  return text;
}

}  // namespace

std::string formatted(int64_t value, const NumberFormat& format) {
  const bool minus = value < 0;
  uint64_t rest = minus ? 0 - uint64_t(value) : uint64_t(value);
  unsigned base = 10;
  std::string prefix;
  switch (format.type) {
    case '\0':
    case 'd':
    case 'n':
      break;
    case 'x':
      base = 16, prefix = "0x";
      break;
    case 'X':
      base = 16, prefix = "0X";
      break;
    case 'o':
      base = 8, prefix = "0o";
      break;
    case 'b':
      base = 2, prefix = "0b";
      break;
    default:
      throw Problem("a format that is not for whole numbers");
  }
  if (format.grouping == ',' && base != 10) throw Problem("a format that does not go with ','");
  if (format.grouping && format.type == 'n') throw Problem("n does not go with a grouping");
  if (!format.alternate) prefix.clear();
  std::string digits;
  do {
    const unsigned digit = unsigned(rest % base);
    digits += char(digit < 10 ? '0' + digit : (format.type == 'X' ? 'A' : 'a') + digit - 10);
    rest /= base;
  } while (rest);
  if (format.precision > kMostDigits) throw Problem("a precision that is too large");
  while (format.precision > int(digits.size())) digits += '0';
  std::reverse(digits.begin(), digits.end());
  return dressed(digits, minus, prefix, format);
}

std::string formatted(double value, const NumberFormat& format) {
  const bool minus = std::signbit(value) && !std::isnan(value);
  const double size = std::fabs(value);
  const bool large = format.type == 'E' || format.type == 'F' || format.type == 'G';
  std::string digits;
  if (!std::isfinite(size)) {
    digits = std::isnan(size) ? (large ? "NAN" : "nan") : (large ? "INF" : "inf");
    if (format.type == '%') digits += '%';
  } else {
    const int precision = format.precision < 0 ? 6 : format.precision;
    switch (format.type) {
      case '\0': {
        if (format.precision < 0) {
          digits = float_repr(size);
          break;
        }
        // As g, but with at least one digit behind the point.
        digits = printed("%.*g", std::max(1, format.precision), size);
        const int exponent =
            size == 0 ? 0
                      : std::atoi(printed("%.*e", std::max(0, format.precision - 1), size)
                                      .substr(printed("%.*e", std::max(0, format.precision - 1), size).find('e') + 1)
                                      .c_str());
        if (exponent >= format.precision - 1 && digits.find('e') == std::string::npos && exponent >= format.precision)
          digits = printed("%.*e", std::max(0, format.precision - 1), size);
        if (digits.find('e') == std::string::npos && digits.find('.') == std::string::npos) {
          if (exponent + 1 >= format.precision && format.precision > 0)
            digits = printed("%.*e", format.precision - 1, size);
          else
            digits += ".0";
        }
        break;
      }
      case 'e':
        digits = printed(format.alternate ? "%#.*e" : "%.*e", precision, size);
        break;
      case 'E':
        digits = printed(format.alternate ? "%#.*E" : "%.*E", precision, size);
        break;
      case 'f':
      case 'F':
        digits = printed(format.alternate ? "%#.*f" : "%.*f", precision, size);
        break;
      case 'g':
      case 'n':
        digits = printed(format.alternate ? "%#.*g" : "%.*g", precision, size);
        break;
      case 'G':
        digits = printed(format.alternate ? "%#.*G" : "%.*G", precision, size);
        break;
      case '%':
        digits = printed(format.alternate ? "%#.*f" : "%.*f", precision, size * 100) + "%";
        break;
      default:
        throw Problem("a format that is not for numbers with a fraction");
    }
  }
  // Only the digits before the point or the exponent are grouped.
  NumberFormat decimal = format;
  decimal.type = 'f';
  const size_t e = digits.find_first_of("eE");
  if (std::isfinite(size) && e != std::string::npos && digits.find('.') == std::string::npos) {
    const std::string exponent = digits.substr(e);
    decimal.zeros = format.zeros - int64_t(exponent.size());
    return dressed(digits.substr(0, e), minus, "", decimal) + exponent;
  }
  return dressed(digits, minus, "", decimal);
}

Specification read_specification(const Text& text, size_t limit) {
  const std::string_view bytes = text.bytes();
  Specification spec;
  size_t at = 0;
  const auto alignment = [](char c) { return c == '<' || c == '>' || c == '=' || c == '^'; };
  const size_t first = bytes.empty() ? 0 : point_length(bytes[0]);
  if (first < bytes.size() && alignment(bytes[first])) {
    TextBuilder fill(16);
    fill.append(text, 0, first);
    spec.fill = fill.take();
    spec.align = bytes[first];
    at = first + 1;
  } else if (!bytes.empty() && alignment(bytes[0])) {
    spec.align = bytes[0];
    at = 1;
  }
  const auto is = [&](const char* any) {
    return at < bytes.size() && std::string_view(any).find(bytes[at]) != std::string_view::npos;
  };
  if (is("+- ")) spec.number.sign = bytes[at++], spec.signed_ = true;
  if (is("z")) throw Problem("format(): z is not known");
  if (is("#")) spec.number.alternate = true, ++at;
  if (is("0")) {
    if (!spec.align) spec.align = '=', spec.fill = Text("0");
    ++at;
  }
  const auto number = [&] {
    int64_t value = 0;
    for (; is("0123456789"); ++at)
      if ((value = value * 10 + (bytes[at] - '0')) > int64_t(limit))
        throw Problem("format(): a width that is too large");
    return value;
  };
  spec.width = number();
  if (is(",_")) spec.number.grouping = bytes[at++];
  if (is(".")) {
    ++at;
    if (!is("0123456789")) throw Problem("format(): a precision without its number");
    spec.number.precision = int(std::min<int64_t>(number(), INT32_MAX));
  }
  if (at < bytes.size()) spec.number.type = bytes[at++];
  if (at < bytes.size()) throw Problem("format(): a specification that is not Python's");
  return spec;
}

}  // namespace hone::data::jinja
