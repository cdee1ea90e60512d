// Filters on numbers.
#include <cmath>
#include <cstdlib>

#include "data/template/jinja/characters.h"
#include "data/template/jinja/methods.h"

namespace hone::data::jinja {
namespace {

Value truncated(double value) {
  if (std::isinf(value)) throw Problem("infinity is no whole number");
  if (!(std::fabs(value) < 9223372036854775808.0)) throw Problem("a whole number of more than 64 bits");
  return Value::integer(int64_t(value));
}

Value to_integer(Runtime&, Bound& a) {
  require_defined(a[0]);
  const Value otherwise = a.given(1) ? a[1] : Value::integer(0);
  if (a[0].whole()) return Value::integer(a[0].as_integer());
  if (a[0].is(Type::floating)) return std::isnan(a[0].as_floating()) ? otherwise : truncated(a[0].as_floating());
  if (!a[0].is(Type::string)) return otherwise;
  const std::string_view text = a[0].text().bytes();
  if (text.size() > 4096) throw Problem("int: a text of more than 4096 bytes");
  const int64_t base = whole_number(a, 2, "base", 10);
  if (base == 0 || (base >= 2 && base <= 36))
    if (const auto value = python_integer(text, int(base))) return Value::integer(*value);
  const auto value = python_float(text);
  if (!value || std::isnan(*value) || std::isinf(*value)) return otherwise;
  return truncated(*value);
}

Value to_float(Runtime&, Bound& a) {
  require_defined(a[0]);
  if (a[0].number()) return Value::floating(a[0].as_floating());
  const Value otherwise = a.given(1) ? a[1] : Value::floating(0);
  if (!a[0].is(Type::string)) return otherwise;
  const auto value = python_float(a[0].text().bytes());
  return value ? Value::floating(*value) : otherwise;
}

Value absolute(Runtime& runtime, Bound& a) {
  if (!a[0].number()) type_problem("abs: expected a number, got", a[0]);
  if (a[0].is(Type::floating)) return Value::floating(std::fabs(a[0].as_floating()));
  return a[0].as_integer() < 0 ? negated(runtime, a[0], true) : Value::integer(a[0].as_integer());
}

// round() of a whole number to tens, hundreds …: half to even.
int64_t round_tens(int64_t value, int64_t digits) {
  if (digits > 18) return 0;
  int64_t unit = 1;
  for (int64_t i = 0; i < digits; ++i) unit *= 10;
  int64_t rest = value % unit, down = value - rest;
  if (rest < 0) rest += unit, down -= unit;
  const bool up = rest > unit - rest || (rest == unit - rest && (down / unit) % 2 != 0);
  int64_t result = down;
  if (up && __builtin_add_overflow(down, unit, &result)) throw Problem("a whole number of more than 64 bits");
  return result;
}

double rounded(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 323) return value;
  if (digits < -308) return std::copysign(0.0, value);
  if (digits >= 0) {
    // printf rounds the exact value half to even, as Python does.
    char buffer[700];
    std::snprintf(buffer, sizeof buffer, "%.*f", int(digits), value);
    return std::strtod(buffer, nullptr);
  }
  const double unit = std::pow(10.0, double(-digits));
  return std::nearbyint(value / unit) * unit;
}

Value round_filter(Runtime&, Bound& a) {
  const std::string_view method = a.given(2) ? text_of(a[2], "method").bytes() : "common";
  if (method != "common" && method != "ceil" && method != "floor")
    throw Problem("round: the method is common, ceil or floor");
  if (!a[0].number()) type_problem("round: expected a number, got", a[0]);
  if (method == "common") {
    if (a.given(1) && a[1].is(Type::none)) {  // to a whole number
      if (a[0].whole()) return Value::integer(a[0].as_integer());
      if (std::isnan(a[0].as_floating())) throw Problem("round: not a number");
      return truncated(std::nearbyint(a[0].as_floating()));
    }
    const int64_t digits = whole_number(a, 1, "precision", 0);
    if (a[0].whole())
      return Value::integer(digits >= 0 ? a[0].as_integer()
                                        : round_tens(a[0].as_integer(), digits < -99 ? 99 : -digits));
    return Value::floating(rounded(a[0].as_floating(), digits));
  }
  const int64_t digits = whole_number(a, 1, "precision", 0);
  const double unit = std::pow(10.0, double(digits)), scaled = a[0].as_floating() * unit;
  if (!std::isfinite(scaled) || unit == 0) throw Problem("round: the number or its precision is too large");
  // Python's ceil() and floor() are whole numbers: they have no -0.
  return Value::floating(((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) + 0.0) / unit);
}

Value file_size(Runtime& runtime, Bound& a) {
  const Value number = to_float(runtime, a);
  const auto read = a[0].is(Type::string) ? python_float(a[0].text().bytes()) : std::optional(number.as_floating());
  if (!read || !(a[0].number() || a[0].is(Type::string))) throw Problem("filesizeformat: expected a number");
  const bool binary = flag(a, 1);
  const double bytes = *read, base = binary ? 1024 : 1000;
  if (bytes == 1) return runtime.heap.text("1 Byte");
  if (bytes < base) return runtime.heap.text(std::to_string(truncated(bytes).as_integer()) + " Bytes");
  if (!std::isfinite(bytes)) throw Problem("filesizeformat: the number is not finite");
  double unit = base;
  const std::string_view prefixes = binary ? "KMGTPEZY" : "kMGTPEZY";
  for (size_t i = 0;; ++i) {
    unit *= base;
    if (bytes >= unit && i + 1 < prefixes.size()) continue;
    char buffer[400];
    std::snprintf(buffer, sizeof buffer, "%.1f %c%s", base * bytes / unit, prefixes[i], binary ? "iB" : "B");
    return runtime.heap.text(buffer);
  }
}

constexpr Builtin kFilters[] = {
    {"abs", "x /", absolute},
    {"filesizeformat", "value binary?", file_size},
    {"float", "value default?", to_float},
    {"int", "value default? base?", to_integer},
    {"round", "value precision? method?", round_filter},
};

}  // namespace

std::span<const Builtin> number_filters() { return kFilters; }

}  // namespace hone::data::jinja
