// Tests: `value is name`.
#include <unordered_map>

#include "data/template/jinja/methods.h"

namespace hone::data::jinja {
namespace {

bool remainder_is(Runtime& runtime, const Value& value, const Value& by, int64_t rest) {
  return equal(runtime, arithmetic(runtime, Arithmetic::modulo, value, by), Value::integer(rest));
}
template <Type type>
Value is_type(Runtime&, Bound& a) {
  return Value::boolean(a[0].is(type));
}
template <bool wanted>
Value is_boolean(Runtime&, Bound& a) {
  return Value::boolean(a[0].is(Type::boolean) && a[0].as_boolean() == wanted);
}
template <Order order>
Value is_ordered(Runtime& runtime, Bound& a) {
  return Value::boolean(ordered(runtime, order, a[0], a[1]));
}
template <bool wanted>
Value is_equal(Runtime& runtime, Bound& a) {
  return Value::boolean(equal(runtime, a[0], a[1]) == wanted);
}
template <bool upper>
Value is_case(Runtime& runtime, Bound& a) {
  const Text text = str(runtime, a[0]);
  runtime.step_bytes(4 * text.size());
  return Value::boolean(in_one_case(text.bytes(), upper));
}
template <int64_t rest>
Value is_parity(Runtime& runtime, Bound& a) {
  return Value::boolean(remainder_is(runtime, a[0], Value::integer(2), rest));
}

template <const Builtin* (*find)(std::string_view)>
Value is_name_of(Runtime&, Bound& a) {
  hash(a[0]);  // what cannot be a key cannot be looked up
  return Value::boolean(a[0].is(Type::string) && find(a[0].text().bytes()));
}

Value is_iterable(Runtime&, Bound& a) {
  switch (a[0].type()) {
    case Type::none:
    case Type::boolean:
    case Type::integer:
    case Type::floating:
    case Type::name_space:
    case Type::function:
    case Type::cycler:
      return Value::boolean(false);
    default:
      return Value::boolean(true);
  }
}
Value is_sequence(Runtime&, Bound& a) {
  switch (a[0].type()) {
    case Type::string:
    case Type::list:
    case Type::tuple:
    case Type::dict:
    case Type::range:
    case Type::undefined:
      return Value::boolean(true);
    default:
      return Value::boolean(false);
  }
}

constexpr Builtin kTests[] = {
    {"!=", "a b /", is_equal<false>},
    {"<", "a b /", is_ordered<Order::less>},
    {"<=", "a b /", is_ordered<Order::less_equal>},
    {"==", "a b /", is_equal<true>},
    {">", "a b /", is_ordered<Order::greater>},
    {">=", "a b /", is_ordered<Order::greater_equal>},
    {"boolean", "value", is_type<Type::boolean>},
    {"callable", "value /",
     [](Runtime&, Bound& a) {
       return Value::boolean(a[0].is(Type::function) || a[0].is(Type::undefined) || a[0].is(Type::loop));
     }},
    {"defined", "value", [](Runtime&, Bound& a) { return Value::boolean(!a[0].is(Type::undefined)); }},
    {"divisibleby", "value num",
     [](Runtime& runtime, Bound& a) { return Value::boolean(remainder_is(runtime, a[0], a[1], 0)); }},
    {"eq", "a b /", is_equal<true>},
    {"equalto", "a b /", is_equal<true>},
    {"escaped", "value",
     [](Runtime&, Bound& a) { return Value::boolean(a[0].is(Type::string) && a[0].as<String>().markup); }},
    {"even", "value", is_parity<0>},
    {"false", "value", is_boolean<false>},
    {"filter", "value", is_name_of<find_filter>},
    {"float", "value", is_type<Type::floating>},
    {"ge", "a b /", is_ordered<Order::greater_equal>},
    {"greaterthan", "a b /", is_ordered<Order::greater>},
    {"gt", "a b /", is_ordered<Order::greater>},
    {"in", "value seq", [](Runtime& runtime, Bound& a) { return Value::boolean(contains(runtime, a[1], a[0])); }},
    {"integer", "value", is_type<Type::integer>},
    {"iterable", "value", is_iterable},
    {"le", "a b /", is_ordered<Order::less_equal>},
    {"lessthan", "a b /", is_ordered<Order::less>},
    {"lower", "value", is_case<false>},
    {"lt", "a b /", is_ordered<Order::less>},
    {"mapping", "value", is_type<Type::dict>},
    {"ne", "a b /", is_equal<false>},
    {"none", "value", is_type<Type::none>},
    {"number", "value", [](Runtime&, Bound& a) { return Value::boolean(a[0].number()); }},
    {"odd", "value", is_parity<1>},
    {"sameas", "value other", [](Runtime&, Bound& a) { return Value::boolean(identical(a[0], a[1])); }},
    {"sequence", "value", is_sequence},
    {"string", "value", is_type<Type::string>},
    {"test", "value", is_name_of<find_test>},
    {"true", "value", is_boolean<true>},
    {"undefined", "value", is_type<Type::undefined>},
    {"upper", "value", is_case<true>},
};

}  // namespace

const Builtin* find_test(std::string_view name) {
  static const auto tests = [] {
    std::unordered_map<std::string_view, const Builtin*> table;
    for (const Builtin& test : kTests) table.emplace(test.name, &test);
    return table;
  }();
  const auto at = tests.find(name);
  return at == tests.end() ? nullptr : at->second;
}

}  // namespace hone::data::jinja
