// value.name, value[key], value[a:b:c], value(…).
#include <algorithm>

#include "data/template/jinja/interpreter.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

struct BoundMethod : Callable {
  BoundMethod(Value self, const Builtin& method) : self(std::move(self)), method(method) {}
  Value call(Runtime& runtime, Arguments& arguments) override {
    arguments.positional.insert(arguments.positional.begin(), self);
    return call_builtin(runtime, method, std::move(arguments));
  }
  Value self;
  const Builtin& method;
};

// Methods that change what they are called on; the sandbox hands out something undefined for each.
bool changes(Type type, std::string_view name) {
  static constexpr std::string_view kList[] = {"append", "clear", "pop",    "reverse",
                                               "insert", "sort",  "extend", "remove"};
  static constexpr std::string_view kDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  const auto in = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  return (type == Type::list && in(kList)) || (type == Type::dict && in(kDict));
}

Value no_attribute(Runtime& runtime, const Value& value, const Value& name) {
  return undefined(runtime, "a '" + std::string(type_name(value)) + "' has no attribute '" +
                                excerpt(name.text().without_data()) + "'");
}

bool at_index(const Value& value, int64_t index, Runtime& runtime, Value& item) {
  const int64_t size = length(runtime, value);
  if (index < 0) index += size;
  if (index < 0 || index >= size) return false;
  switch (value.type()) {
    case Type::list:
    case Type::tuple:
      item = value.items()[size_t(index)];
      return true;
    case Type::range:
      item = Value::integer(value.as<IntegerRange>().at(index));
      return true;
    default: {
      const Text& text = value.text();
      if (!text.ascii()) runtime.step_bytes(4 * text.size());
      const size_t begin = text.offset(index);
      item = substring(runtime, text, begin, begin + point_length(text.bytes()[begin]));
      return true;
    }
  }
}

}  // namespace

Value own_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  if (value.is(Type::name_space)) {
    const Value* found = value.as<Namespace>().attributes.find(name);
    return found ? *found : Value();
  }
  if (name.starts_with("__")) return {};
  if (const Builtin* method = find_method(value.type(), name))
    return Value(Type::function, runtime.heap.make<BoundMethod>(0, value, *method));
  if (changes(value.type(), name))
    return undefined(runtime, "'" + std::string(name) + "' would change a " + std::string(type_name(value)) +
                                  ", which a template may not");
  switch (value.type()) {
    case Type::boolean:
    case Type::integer:
      if (name == "real" || name == "numerator") return Value::integer(value.as_integer());
      if (name == "imag") return Value::integer(0);
      if (name == "denominator") return Value::integer(1);
      return {};
    case Type::floating:
      if (name == "real") return value;
      if (name == "imag") return Value::floating(0);
      return {};
    case Type::tuple:
      if (value.as<Sequence>().group && name == "grouper") return value.items()[0];
      if (value.as<Sequence>().group && name == "list") return value.items()[1];
      return {};
    case Type::range:
      if (name == "start") return Value::integer(value.as<IntegerRange>().start);
      if (name == "step") return Value::integer(value.as<IntegerRange>().step);
      if (name == "stop") return Value::integer(value.as<IntegerRange>().stop);
      return {};
    case Type::loop:
      return value.as<Loop>().attribute(runtime, name);
    case Type::cycler:
      if (name == "current" && !value.as<Cycler>().items.empty())
        return value.as<Cycler>().items[value.as<Cycler>().at];
      return {};
    case Type::function:
      return value.as<Callable>().attribute(runtime, name);
    default:
      return {};
  }
}

Value get_attribute(Runtime& runtime, const Value& value, const Value& name) {
  require_defined(value);
  const std::string_view text = name.text().bytes();
  Value own = own_attribute(runtime, value, text);
  if (own.given()) return own;
  if (value.is(Type::dict)) {
    runtime.step(int64_t(std::min<size_t>(value.as<Dict>().entries().size(), 8)) / 4);
    if (const Value* found = value.as<Dict>().find(text)) return *found;
  }
  return no_attribute(runtime, value, name);
}

Value get_item(Runtime& runtime, const Value& value, const Value& key) {
  require_defined(value);
  switch (value.type()) {
    case Type::dict: {
      if (key.is(Type::list) || key.is(Type::dict) || key.is(Type::view)) break;
      if (const Value* found = value.as<Dict>().find(key)) return *found;
      break;
    }
    case Type::list:
    case Type::tuple:
    case Type::range:
    case Type::string: {
      Value item;
      if (key.whole() && at_index(value, key.as_integer(), runtime, item)) return item;
      break;
    }
    default:
      break;
  }
  if (key.is(Type::string)) {
    Value own = own_attribute(runtime, value, key.text().bytes());
    return own.given() ? own : no_attribute(runtime, value, key);
  }
  return undefined(runtime, "a '" + std::string(type_name(value)) + "' has no such item");
}

Value slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop, const Value& step) {
  require_defined(value);
  if (!value.sequence() && !value.is(Type::string) && !value.is(Type::range))
    type_problem("there is no slice of", value);
  const auto bound = [](const Value& part, int64_t otherwise) {
    if (part.is(Type::none)) return otherwise;
    // Far outside is outside: no sum below may overflow.
    return std::clamp<int64_t>(whole_number(part, "an index of a slice"), -(int64_t(1) << 60), int64_t(1) << 60);
  };
  const int64_t size = length(runtime, value), by = bound(step, 1);
  if (by == 0) throw Problem("a slice's step cannot be 0");
  const int64_t low = by > 0 ? 0 : -1, high = by > 0 ? size : size - 1;
  const auto place = [&](const Value& part, int64_t otherwise) {
    int64_t at = bound(part, otherwise);
    if (part.is(Type::none)) return otherwise;
    if (at < 0) at += size;
    return std::clamp(at, low, high);
  };
  const int64_t first = place(start, by > 0 ? low : high), last = place(stop, by > 0 ? high : low);
  const int64_t count =
      by > 0 ? (last > first ? (last - first - 1) / by + 1 : 0) : (first > last ? (first - last - 1) / -by + 1 : 0);
  runtime.step(count / (value.is(Type::string) ? 8 : 1));
  if (value.is(Type::range)) {
    const auto& range = value.as<IntegerRange>();
    return Value(Type::range, runtime.heap.make<IntegerRange>(0, range.at(first), range.at(last),
                                                              int64_t(uint64_t(range.step) * uint64_t(by)), count));
  }
  if (value.sequence()) {
    std::vector<Value> items;
    items.reserve(size_t(count));
    for (int64_t i = 0; i < count; ++i) items.push_back(value.items()[size_t(first + i * by)]);
    return value.is(Type::list) ? runtime.heap.list(std::move(items)) : runtime.heap.tuple(std::move(items));
  }
  const Text& text = value.text();
  const bool markup = value.as<String>().markup;
  TextBuilder out = builder(runtime);
  if (!text.ascii()) runtime.step_bytes(4 * text.size());
  if (by == 1) {
    const size_t begin = text.offset(first), end = count ? text.offset(last) : begin;
    runtime.step_bytes(end - begin);
    out.append(text, begin, end);
  } else {
    std::vector<uint32_t> places;
    if (!text.ascii())
      for (size_t at = 0; at < text.size(); at += point_length(text.bytes()[at])) places.push_back(uint32_t(at));
    for (int64_t i = 0; i < count; ++i) {
      const size_t point = size_t(first + i * by), at = places.empty() ? point : places[point];
      out.append(text, at, at + point_length(text.bytes()[at]));
    }
  }
  return runtime.heap.text(out.take(), markup);
}

Value call(Runtime& runtime, const Value& callee, Arguments&& arguments) {
  require_defined(callee);
  if (callee.is(Type::function)) return callee.as<Callable>().call(runtime, arguments);
  if (callee.is(Type::loop)) {
    auto& loop = callee.as<Loop>();
    if (!loop.recurse) throw Problem("the loop calls itself but is not marked 'recursive'");
    if (arguments.positional.size() != 1 || !arguments.named.empty()) throw Problem("loop() takes one argument");
    return loop.recurse(arguments.positional[0], loop.depth0 + 1);
  }
  type_problem("expected something to call, got", callee);
}

Value call_method(Runtime& runtime, const Value& value, const Value& name, Arguments&& arguments) {
  const Builtin* method = value.is(Type::name_space) ? nullptr : find_method(value.type(), name.text().bytes());
  if (!method) return call(runtime, get_attribute(runtime, value, name), std::move(arguments));
  arguments.positional.insert(arguments.positional.begin(), value);
  return call_builtin(runtime, *method, std::move(arguments));
}

}  // namespace hone::data::jinja
