#include <cmath>

#include "data/template/jinja/runtime.h"

namespace hone::data::jinja {
namespace {

constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "//", "%", "**"};

[[noreturn]] void no_such(Arithmetic op, const Value& a, const Value& b) {
  require_defined(a), require_defined(b);
  throw Problem("a '" + std::string(type_name(a)) + "' " + std::string(kSigns[int(op)]) + " a '" +
                std::string(type_name(b)) + "' has no value");
}
[[noreturn]] void overflow() { throw Problem("a whole number of more than 64 bits"); }

int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == 0) throw Problem("division by zero");
  if (b == -1) {
    int64_t value;
    if (__builtin_sub_overflow(int64_t(0), a, &value)) overflow();
    return value;
  }
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

Value whole_power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) throw Problem("division by zero");
    return Value::floating(std::pow(double(base), double(exponent)));
  }
  int64_t value = 1;
  while (true) {
    if ((exponent & 1) && __builtin_mul_overflow(value, base, &value)) overflow();
    exponent >>= 1;
    if (exponent == 0) return Value::integer(value);
    if (__builtin_mul_overflow(base, base, &base)) {
      overflow();  // the highest bit of the exponent is still to come
    }
  }
}

Value whole(Arithmetic op, int64_t a, int64_t b) {
  int64_t value = 0;
  switch (op) {
    case Arithmetic::add:
      if (__builtin_add_overflow(a, b, &value)) overflow();
      break;
    case Arithmetic::subtract:
      if (__builtin_sub_overflow(a, b, &value)) overflow();
      break;
    case Arithmetic::multiply:
      if (__builtin_mul_overflow(a, b, &value)) overflow();
      break;
    case Arithmetic::divide:
      if (b == 0) throw Problem("division by zero");
      return Value::floating(double(static_cast<long double>(a) / static_cast<long double>(b)));
    case Arithmetic::floor_divide:
      value = floor_quotient(a, b);
      break;
    case Arithmetic::modulo:
      if (b == 0) throw Problem("division by zero");
      value = b == -1 ? 0 : a % b;
      if (value != 0 && (value < 0) != (b < 0)) value += b;
      break;
    case Arithmetic::power:
      return whole_power(a, b);
  }
  return Value::integer(value);
}

double floating_modulo(double a, double b) {
  if (b == 0) throw Problem("division by zero");
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  return rest == 0 ? std::copysign(0.0, b) : rest;
}

// As CPython computes it: through the rest, so that both agree.
double floating_floor(double a, double b) {
  if (b == 0) throw Problem("division by zero");
  double rest = std::fmod(a, b), quotient = (a - rest) / b;
  if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  double floor = std::floor(quotient);
  if (quotient - floor > 0.5) floor += 1;
  return floor;
}

double floating_power(double a, double b) {
  if (a == 0 && b < 0) throw Problem("division by zero");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b))
    throw Problem("a power that is no real number");
  const double value = std::pow(a, b);
  if (std::isinf(value) && std::isfinite(a) && std::isfinite(b)) throw Problem("a power that is too large");
  return value;
}

Value floating(Arithmetic op, double a, double b) {
  switch (op) {
    case Arithmetic::add:
      return Value::floating(a + b);
    case Arithmetic::subtract:
      return Value::floating(a - b);
    case Arithmetic::multiply:
      return Value::floating(a * b);
    case Arithmetic::divide:
      if (b == 0) throw Problem("division by zero");
      return Value::floating(a / b);
    case Arithmetic::floor_divide:
      return Value::floating(floating_floor(a, b));
    case Arithmetic::modulo:
      return Value::floating(floating_modulo(a, b));
    case Arithmetic::power:
      return Value::floating(floating_power(a, b));
  }
  return {};
}

Value joined_texts(Runtime& runtime, const Value& a, const Value& b) {
  const bool left = a.as<String>().markup, right = b.as<String>().markup;
  runtime.step_bytes(a.text().size() + b.text().size());
  TextBuilder out = builder(runtime);
  out.append(right && !left ? escaped(runtime, a.text()) : a.text());
  out.append(left && !right ? escaped(runtime, b.text()) : b.text());
  return runtime.heap.text(out.take(), left || right);
}

Value joined_items(Runtime& runtime, const Value& a, const Value& b) {
  const auto &x = a.items(), &y = b.items();
  runtime.step(int64_t(x.size() + y.size()) / 4);
  std::vector<Value> items;
  items.reserve(x.size() + y.size());
  items.insert(items.end(), x.begin(), x.end());
  items.insert(items.end(), y.begin(), y.end());
  return a.is(Type::list) ? runtime.heap.list(std::move(items)) : runtime.heap.tuple(std::move(items));
}

Value repeated(Runtime& runtime, const Value& value, int64_t count) {
  const size_t times = count > 0 ? size_t(count) : 0;
  if (value.is(Type::string)) {
    TextBuilder out = builder(runtime);
    if (!value.text().empty()) {
      runtime.step_bytes(std::min(times, runtime.output) * std::min<size_t>(value.text().size(), 64));
      out.append(times, value.text());
    }
    return runtime.heap.text(out.take(), value.as<String>().markup);
  }
  std::vector<Value> items;
  const auto& from = value.items();
  if (!from.empty()) {
    // An entry takes as much as 16 bytes of text.
    if (times > runtime.output / (from.size() * sizeof(Value))) throw Problem("a list that is too long");
    runtime.step(int64_t(from.size() * times));
    items.reserve(from.size() * times);
    for (size_t i = 0; i < times; ++i) items.insert(items.end(), from.begin(), from.end());
  }
  return value.is(Type::list) ? runtime.heap.list(std::move(items)) : runtime.heap.tuple(std::move(items));
}

}  // namespace

Value arithmetic(Runtime& runtime, Arithmetic op, const Value& a, const Value& b) {
  if (a.number() && b.number())
    return a.whole() && b.whole() ? whole(op, a.as_integer(), b.as_integer())
                                  : floating(op, a.as_floating(), b.as_floating());
  if (op == Arithmetic::modulo && a.is(Type::string))
    return runtime.heap.text(percent_format(runtime, a.text(), b), a.as<String>().markup);
  if (op == Arithmetic::add && a.type() == b.type()) {
    if (a.is(Type::string)) return joined_texts(runtime, a, b);
    if (a.sequence()) return joined_items(runtime, a, b);
  }
  if (op == Arithmetic::multiply) {
    if (b.whole() && (a.is(Type::string) || a.sequence())) return repeated(runtime, a, b.as_integer());
    if (a.whole() && (b.is(Type::string) || b.sequence())) return repeated(runtime, b, a.as_integer());
  }
  no_such(op, a, b);
}

Value negated(Runtime&, const Value& value, bool minus) {
  if (value.is(Type::floating)) return Value::floating(minus ? -value.as_floating() : value.as_floating());
  if (!value.whole()) type_problem(minus ? "there is no - of" : "there is no + of", value);
  int64_t result = value.as_integer();
  if (minus && __builtin_sub_overflow(int64_t(0), result, &result)) overflow();
  return Value::integer(result);
}

}  // namespace hone::data::jinja
