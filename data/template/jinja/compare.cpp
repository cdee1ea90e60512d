// Equality, order and membership.
#include <algorithm>
#include <cmath>

#include "data/template/jinja/runtime.h"
#include "data/template/jinja/strings.h"

namespace hone::data::jinja {
namespace {

bool equal_items(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!identical(a[i], b[i]) && !equal(runtime, a[i], b[i])) return false;
  return true;
}

// An int64 against a double, exactly.
int compare_mixed(int64_t whole, double number) {
  if (number >= 9223372036854775808.0) return -1;
  if (number < -9223372036854775808.0) return 1;
  const double floor = std::floor(number);
  const auto other = int64_t(floor);
  if (whole != other) return whole < other ? -1 : 1;
  return number > floor ? -1 : 0;
}

}  // namespace

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.step();
  if (a.number() && b.number()) {
    if (a.whole() && b.whole()) return a.as_integer() == b.as_integer();
    if (a.whole() && !std::isnan(b.as_floating())) return compare_mixed(a.as_integer(), b.as_floating()) == 0;
    if (b.whole() && !std::isnan(a.as_floating())) return compare_mixed(b.as_integer(), a.as_floating()) == 0;
    return a.as_floating() == b.as_floating();
  }
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Type::string:
      runtime.step_bytes(std::min(a.text().size(), b.text().size()));
      return a.text().bytes() == b.text().bytes();
    case Type::list:
    case Type::tuple: {
      const Deeper deeper(runtime);
      return equal_items(runtime, a.items(), b.items());
    }
    case Type::dict: {
      const Deeper deeper(runtime);
      const auto &x = a.as<Dict>(), &y = b.as<Dict>();
      if (x.entries().size() != y.entries().size()) return false;
      for (const auto& [key, value] : x.entries()) {
        const Value* other = y.find(key);
        if (!other || (!identical(value, *other) && !equal(runtime, value, *other))) return false;
      }
      return true;
    }
    case Type::view: {
      const auto &x = a.as<DictView>(), &y = b.as<DictView>();
      if (x.kind == DictView::values || y.kind == DictView::values) return a.object() == b.object();
      if (length(runtime, a) != length(runtime, b)) return false;
      bool same = true;
      each(runtime, a, [&](const Value& item) { return same = contains(runtime, b, item); });
      return same;
    }
    case Type::range:
      return same_key(a, b);
    case Type::undefined:
    case Type::none:
      return true;
    default:
      return a.object() == b.object();
  }
}

bool ordered(Runtime& runtime, Order order, const Value& a, const Value& b) {
  require_defined(a), require_defined(b);
  runtime.step();
  const auto holds = [&](int compared) {
    switch (order) {
      case Order::less:
        return compared < 0;
      case Order::less_equal:
        return compared <= 0;
      case Order::greater:
        return compared > 0;
      case Order::greater_equal:
        return compared >= 0;
    }
    return false;
  };
  if (a.number() && b.number()) {
    if (a.whole() && b.whole()) return holds(a.as_integer() < b.as_integer() ? -1 : a.as_integer() > b.as_integer());
    if (std::isnan(a.as_floating()) || std::isnan(b.as_floating())) return false;
    if (a.whole()) return holds(compare_mixed(a.as_integer(), b.as_floating()));
    if (b.whole()) return holds(-compare_mixed(b.as_integer(), a.as_floating()));
    return holds(a.as_floating() < b.as_floating() ? -1 : a.as_floating() > b.as_floating());
  }
  if (a.is(Type::string) && b.is(Type::string)) {
    runtime.step_bytes(std::min(a.text().size(), b.text().size()));
    return holds(a.text().bytes().compare(b.text().bytes()));  // of UTF-8: that of code points
  }
  if (a.type() == b.type() && a.sequence()) {
    const Deeper deeper(runtime);
    const auto &x = a.items(), &y = b.items();
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
      if (!identical(x[i], y[i]) && !equal(runtime, x[i], y[i])) return ordered(runtime, order, x[i], y[i]);
    return holds(x.size() < y.size() ? -1 : x.size() > y.size());
  }
  throw Problem("a '" + std::string(type_name(a)) + "' and a '" + std::string(type_name(b)) + "' have no order");
}

bool less(Runtime& runtime, const Value& a, const Value& b) { return ordered(runtime, Order::less, a, b); }

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.type()) {
    case Type::string: {
      if (!item.is(Type::string)) type_problem("in a string there can be a string, not", item);
      runtime.step_bytes(container.text().size());
      return find_text(container.text().bytes(), item.text().bytes()) != std::string_view::npos;
    }
    case Type::dict:
      return container.as<Dict>().find(item) != nullptr;
    case Type::range: {
      if (item.number()) {
        const double number = item.as_floating();
        if (std::floor(number) != number) return false;
        const auto& range = container.as<IntegerRange>();
        if (range.count == 0) return false;
        const int64_t low = std::min(range.at(0), range.at(range.count - 1));
        const int64_t high = std::max(range.at(0), range.at(range.count - 1));
        return number >= double(low) && number <= double(high) && (int64_t(number) - range.start) % range.step == 0;
      }
      return false;
    }
    case Type::view: {
      const auto& view = container.as<DictView>();
      if (view.kind == DictView::keys) return view.dict.as<Dict>().find(item) != nullptr;
      break;
    }
    case Type::list:
    case Type::tuple:
    case Type::iterator:
    case Type::undefined:
    case Type::loop:
      break;
    default:
      type_problem("nothing can be in", container);
  }
  bool found = false;
  each(runtime, container, [&](const Value& other) {
    found = identical(item, other) || equal(runtime, other, item);
    return !found;
  });
  return found;
}

// A merge sort: what is compared may have no order, which std::stable_sort does not survive.
void sort_values(Runtime& runtime, std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  using Keyed = std::pair<Value, Value>;
  std::vector<Keyed> from = std::move(keyed), to(from.size());
  // Python sorts the reversed list and reverses the result: equal ones keep their order.
  if (reverse) std::reverse(from.begin(), from.end());
  for (size_t width = 1; width < from.size(); width *= 2) {
    for (size_t begin = 0; begin < from.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, from.size()), end = std::min(begin + 2 * width, from.size());
      size_t left = begin, right = middle;
      for (size_t at = begin; at < end; ++at) {
        const bool take_right = left == middle || (right < end && less(runtime, from[right].first, from[left].first));
        to[at] = std::move(take_right ? from[right++] : from[left++]);
      }
    }
    from.swap(to);
  }
  if (reverse) std::reverse(from.begin(), from.end());
  keyed = std::move(from);
}

}  // namespace hone::data::jinja
