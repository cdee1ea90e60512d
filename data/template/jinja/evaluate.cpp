// Expressions.
#include "data/template/jinja/interpreter.h"

namespace hone::data::jinja {

using Kind = Expression::Kind;

Value Interpreter::evaluate(const Expression& node) {
  runtime_.step();
  if (node.kind == Kind::constant) return node.value;
  if (node.kind == Kind::name) {
    const Value& value = slot(node.variable);
    return value.given() ? value : node.undefined;
  }
  const Inside inside(*this);
  return evaluate_deep(node);
}

Value Interpreter::evaluate_deep(const Expression& node) {
  switch (node.kind) {
    case Kind::constant:
    case Kind::name:
    case Kind::member:
      break;
    case Kind::list:
      return runtime_.heap.list(items(node));
    case Kind::tuple:
      return runtime_.heap.tuple(items(node));
    case Kind::dict:
      return dict(node);
    case Kind::condition:
      return condition(node);
    case Kind::logical_or: {
      Value left = evaluate(*node.items[0]);
      return truth(left) ? left : evaluate(*node.items[1]);
    }
    case Kind::logical_and: {
      Value left = evaluate(*node.items[0]);
      return truth(left) ? evaluate(*node.items[1]) : left;
    }
    case Kind::logical_not:
      return Value::boolean(!truth(evaluate(*node.items[0])));
    case Kind::comparison:
      return comparison(node);
    case Kind::arithmetic: {
      const Value left = evaluate(*node.items[0]), right = evaluate(*node.items[1]);
      line_ = node.line;
      return arithmetic(runtime_, node.arithmetic_operator, left, right);
    }
    case Kind::minus:
      return negated(runtime_, evaluate(*node.items[0]), true);
    case Kind::plus:
      return negated(runtime_, evaluate(*node.items[0]), false);
    case Kind::concat:
      return concat(node);
    case Kind::attribute: {
      const Value value = evaluate(*node.items[0]);
      line_ = node.line;
      return get_attribute(runtime_, value, node.value);
    }
    case Kind::item: {
      const Value value = evaluate(*node.items[0]), key = evaluate(*node.items[1]);
      line_ = node.line;
      return get_item(runtime_, value, key);
    }
    case Kind::slice:
      return slice(node);
    case Kind::call:
      return call(node);
    case Kind::filter:
    case Kind::test:
      return filter(node, nullptr);
  }
  throw Problem("an expression that has no value");
}

std::vector<Value> Interpreter::items(const Expression& node) {
  std::vector<Value> values;
  values.reserve(node.items.size());
  for (const Node& item : node.items) values.push_back(evaluate(*item));
  return values;
}

Value Interpreter::dict(const Expression& node) {
  auto* made = runtime_.heap.make<Dict>(node.items.size() * 2 * sizeof(Value));
  Value value(Type::dict, made);
  for (size_t i = 0; i < node.items.size(); i += 2) {
    Value key = evaluate(*node.items[i]);
    made->set(std::move(key), evaluate(*node.items[i + 1]));
  }
  return value;
}

Value Interpreter::condition(const Expression& node) {
  if (truth(evaluate(*node.items[0]))) return evaluate(*node.items[1]);
  if (node.items[2]) return evaluate(*node.items[2]);
  return undefined(runtime_, "an inline if without else was false");
}

Value Interpreter::comparison(const Expression& node) {
  Value left = evaluate(*node.items[0]);
  for (size_t i = 0; i < node.operators.size(); ++i) {
    Value right = evaluate(*node.items[i + 1]);
    line_ = node.line;
    bool holds = false;
    switch (node.operators[i]) {
      case Expression::equal:
        holds = equal(runtime_, left, right);
        break;
      case Expression::not_equal:
        holds = !equal(runtime_, left, right);
        break;
      case Expression::less:
        holds = ordered(runtime_, Order::less, left, right);
        break;
      case Expression::less_equal:
        holds = ordered(runtime_, Order::less_equal, left, right);
        break;
      case Expression::greater:
        holds = ordered(runtime_, Order::greater, left, right);
        break;
      case Expression::greater_equal:
        holds = ordered(runtime_, Order::greater_equal, left, right);
        break;
      case Expression::in:
        holds = contains(runtime_, right, left);
        break;
      case Expression::not_in:
        holds = !contains(runtime_, right, left);
        break;
    }
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::concat(const Expression& node) {
  const std::vector<Value> parts = items(node);
  TextBuilder out = builder(runtime_);
  for (const Value& part : parts) append_str(runtime_, out, part);
  return runtime_.heap.text(out.take());
}

Value Interpreter::slice(const Expression& node) {
  const Value value = evaluate(*node.items[0]);
  const auto part = [&](size_t i) { return node.items[i] ? evaluate(*node.items[i]) : Value::none(); };
  const Value start = part(1), stop = part(2), step = part(3);
  line_ = node.line;
  return jinja::slice(runtime_, value, start, stop, step);
}

Arguments Interpreter::arguments(const Expression& node, size_t from, Value first) {
  Arguments all;
  all.positional.reserve(node.items.size());
  if (first.given()) all.positional.push_back(std::move(first));
  for (size_t i = from; i < node.items.size(); ++i) all.positional.push_back(evaluate(*node.items[i]));
  for (const auto& [key, value] : node.named) all.named.emplace_back(key, evaluate(*value));
  if (node.more) {
    std::vector<Value> more = collect(runtime_, evaluate(*node.more));
    all.positional.insert(all.positional.end(), more.begin(), more.end());
  }
  if (node.more_named) {
    const Value more = evaluate(*node.more_named);
    if (!more.is(Type::dict)) type_problem("** takes a dict, not", more);
    for (const auto& [key, value] : more.as<Dict>().entries()) {
      if (!key.is(Type::string)) type_problem("a parameter's name cannot be", key);
      for (const auto& [other, same] : all.named)
        if (other.text().bytes() == key.text().bytes()) throw Problem("an argument is given twice");
      all.named.emplace_back(key, value);
    }
    runtime_.step(int64_t(all.named.size() * all.named.size()));
  }
  return all;
}

Value Interpreter::call(const Expression& node, const Value* caller) {
  const Expression& callee = *node.items[0];
  const auto with_caller = [&](Arguments all) {
    static Constants constants;
    static const Value name = constants.text(Text("caller"));
    if (caller) {
      for (const auto& [key, value] : all.named)
        if (key.text().bytes() == "caller") throw Problem("an argument is given twice");
      all.named.emplace_back(name, *caller);
    }
    return all;
  };
  if (callee.kind == Kind::attribute) {
    const Value value = evaluate(*callee.items[0]);
    line_ = node.line;
    require_defined(value);
    Arguments all = with_caller(arguments(node, 1));
    line_ = node.line;
    return call_method(runtime_, value, callee.value, std::move(all));
  }
  const Value value = evaluate(callee);
  Arguments all = with_caller(arguments(node, 1));
  line_ = node.line;
  return jinja::call(runtime_, value, std::move(all));
}

Value Interpreter::filter(const Expression& node, const Value* block) {
  Value first = block && !node.items[0] ? *block : Value();
  if (!first.given()) {
    // A filter on a filter of a block: only the innermost one has no operand.
    const Expression& operand = *node.items[0];
    first = block && operand.kind == Kind::filter ? filter(operand, block) : evaluate(operand);
  }
  Arguments all = arguments(node, 1, std::move(first));
  line_ = node.line;
  if (!node.builtin)
    throw Problem((node.kind == Kind::filter ? "no filter is called '" : "no test is called '") + node.text + "'");
  return call_builtin(runtime_, *node.builtin, std::move(all));
}

}  // namespace hone::data::jinja
