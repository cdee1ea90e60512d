#include "data/template/jinja/interpreter.h"

#include <algorithm>

namespace hone::data::jinja {

using Kind = Statement::Kind;

struct Macro : Callable {
  Macro(Interpreter& interpreter, const Statement& node, Value outer)
      : interpreter(interpreter), node(node), outer(std::move(outer)) {}
  Value call(Runtime& runtime, Arguments& arguments) override {
    return runtime.heap.text(interpreter.call_macro(node, outer, std::move(arguments)));
  }
  Value attribute(Runtime& runtime, std::string_view name) override {
    return name == "name" ? runtime.heap.text(node.text) : Value();
  }
  std::string repr() const override {
    return node.kind == Kind::macro ? "<Macro '" + node.text + "'>" : "<Macro anonymous>";
  }
  Interpreter& interpreter;
  const Statement& node;
  Value outer;
};

// The items of a loop with a test, tested when the loop comes to them.
struct Filtered : Iterator {
  Filtered(Interpreter& interpreter, const Statement& node, Value outer, Value source)
      : interpreter(interpreter), node(node), outer(std::move(outer)), source(std::move(source)) {}
  bool next(Runtime& runtime, Value& item) override {
    const Deeper deeper(runtime);
    const Value caller = interpreter.function_;
    if (!own.given()) {
      source = iterate(runtime, source);
      own = Value(Type::activation, runtime.heap.make<Activation>(size_t(node.test_function.slots) * sizeof(Value),
                                                                  outer, node.test_function.slots));
      interpreter.function_ = own;
      interpreter.enter(node.test_scope);
    }
    interpreter.function_ = own;
    bool found = false;
    while (!found && jinja::next(runtime, source, item)) {
      interpreter.assign(*node.parameters[0], item);
      found = truth(interpreter.evaluate(*node.expressions[2]));
      // jinja2 hands on what it has unpacked: a tuple.
      if (found && node.parameters[0]->kind == Expression::tuple) item = interpreter.stored(*node.parameters[0]);
    }
    interpreter.function_ = caller;
    return found;
  }
  Interpreter& interpreter;
  const Statement& node;
  Value outer, source, own;
};

Text Interpreter::run(std::vector<Value> given) {
  given_ = std::move(given);
  function_ = Value(Type::activation, runtime_.heap.make<Activation>(0, Value(), tree_.function.slots));
  enter(tree_.scope);
  return captured([&] { run(tree_.body); });
}

Value& Interpreter::slot(const Variable& variable) {
  Activation* at = &function_.as<Activation>();
  for (int hops = variable.hops; hops > 0; --hops) at = &at->outer.as<Activation>();
  return at->slots[size_t(variable.slot)];
}

void Interpreter::enter(const Scope& scope) {
  auto& slots = function_.as<Activation>().slots;
  for (const Load& load : scope)
    slots[size_t(load.slot)] = load.kind == Load::global ? given_[size_t(load.name)]
                               : load.kind == Load::copy ? slot(load.from)
                                                         : Value();
}

void Interpreter::assign(const Expression& target, const Value& value) {
  if (target.kind == Expression::name) {
    slot(target.variable) = value;
  } else if (target.kind == Expression::member) {
    const Value& held = slot(target.variable);
    if (!held.is(Type::name_space)) throw Problem("an attribute can be set on a namespace() alone");
    if (target.value.text().bytes().starts_with('_')) throw Problem("a namespace's attribute cannot begin with _");
    auto& name_space = held.as<Namespace>();
    if (!name_space.attributes.find(target.value)) runtime_.heap.grow(name_space, 4 * sizeof(Value));
    name_space.attributes.set(target.value, value);
  } else {
    const size_t count = target.items.size();
    std::vector<Value> items;
    each(runtime_, value, [&](const Value& item) {
      items.push_back(item);
      return items.size() <= count;
    });
    if (items.size() != count)
      throw Problem("expected " + std::to_string(count) + " values to unpack, got " +
                    (items.size() > count ? "more" : std::to_string(items.size())));
    for (size_t i = 0; i < count; ++i) assign(*target.items[i], items[i]);
  }
}

Value Interpreter::stored(const Expression& target) {
  if (target.kind != Expression::tuple) return slot(target.variable);
  std::vector<Value> values;
  for (const Node& item : target.items) values.push_back(stored(*item));
  return runtime_.heap.tuple(std::move(values));
}

Interpreter::Flow Interpreter::run(const Body& body) {
  const Inside inside(*this);
  for (const auto& node : body) {
    const Flow flow = run(*node);
    if (flow != Flow::on) return flow;
  }
  return Flow::on;
}

Interpreter::Flow Interpreter::run(const Statement& node) {
  runtime_.step();
  line_ = node.line;
  switch (node.kind) {
    case Kind::output:
      for (const Node& item : node.expressions) {
        line_ = item->line;
        if (item->kind == Expression::constant && item->value.is(Type::string)) {
          runtime_.step_bytes(item->value.text().size());
          out_->append(item->value.text());
        } else {
          append_str(runtime_, *out_, evaluate(*item));
        }
      }
      return Flow::on;
    case Kind::condition:
      return condition(node);
    case Kind::loop:
      if (node.recursive) {
        out_->append(recursive_loop(node, function_, evaluate(*node.expressions[1]), 0));
        return Flow::on;
      }
      return loop(node, evaluate(*node.expressions[1]), 0);
    case Kind::assign: {
      const Value value = evaluate(*node.expressions[1]);
      assign(*node.expressions[0], value);
      return Flow::on;
    }
    case Kind::assign_block:
      return assign_block(node);
    case Kind::macro:
      slot(node.variable) = macro(node);
      return Flow::on;
    case Kind::call_block:
      call_block(node);
      return Flow::on;
    case Kind::generation:
      generation(node);
      return Flow::on;
    case Kind::filter_block:
      return filter_block(node);
    case Kind::with: {
      with(node);
      return run(node.body);
    }
    case Kind::break_loop:
      return Flow::broken;
    case Kind::continue_loop:
      return Flow::continued;
  }
  return Flow::on;
}

Interpreter::Flow Interpreter::condition(const Statement& node) {
  for (size_t i = 0; i < node.expressions.size(); ++i) {
    line_ = node.expressions[i]->line;
    if (truth(evaluate(*node.expressions[i]))) return run(node.branches[i]);
  }
  return run(node.otherwise);
}

Text Interpreter::recursive_loop(const Statement& node, const Value& outer, const Value& iterable, int depth) {
  return in_function(outer, node.function, [&] { loop(node, iterable, depth); });
}

// Of the function that the loop runs in; a recursive loop's own.
Interpreter::Flow Interpreter::loop(const Statement& node, const Value& iterable, int depth) {
  const Value outer = node.recursive ? function_.as<Activation>().outer : function_;
  Value source = iterable;
  if (node.expressions[2])
    source = Value(Type::iterator, runtime_.heap.make<Filtered>(0, *this, node, outer, std::move(source)));
  Value iterator = iterate(runtime_, source);
  Loop* context = nullptr;
  Value holder;
  if (node.extended) {
    context = runtime_.heap.make<Loop>(0);
    holder = Value(Type::loop, context);
    context->iterable = source, context->iterator = iterator, context->depth0 = depth;
    if (node.recursive)
      context->recurse = [this, &node, outer](const Value& inner, int deeper) {
        return runtime_.heap.text(recursive_loop(node, outer, inner, deeper));
      };
  }
  bool any = false;
  Flow flow = Flow::on;
  Value item;
  while (flow != Flow::broken && (context ? context->next(runtime_, item) : next(runtime_, iterator, item))) {
    runtime_.step();
    line_ = node.line;
    assign(*node.expressions[0], item);
    if (context) slot(node.variable) = holder;
    enter(node.scope);
    flow = run(node.body);
    // jinja2 notes that the loop ran behind its body, so {% continue %} leaves the note out.
    if (flow == Flow::on) any = true;
  }
  auto& slots = function_.as<Activation>().slots;
  for (const int left : node.leaves) slots[size_t(left)] = Value();
  if (any || node.otherwise.empty()) return Flow::on;
  enter(node.otherwise_scope);
  return run(node.otherwise);
}

Interpreter::Flow Interpreter::assign_block(const Statement& node) {
  Flow flow = Flow::on;
  enter(node.scope);
  Text text = captured([&] { flow = run(node.body); });
  if (flow != Flow::on) return flow;
  Value value = runtime_.heap.text(std::move(text));
  if (node.expressions[1]) value = filter(*node.expressions[1], &value);
  assign(*node.expressions[0], value);
  return Flow::on;
}

// What a block makes: unlike an output's value it is no text unless it is one.
void Interpreter::append_text(const Value& value) { out_->append(text_of(value, "what a block makes")); }

Interpreter::Flow Interpreter::filter_block(const Statement& node) {
  Flow flow = Flow::on;
  enter(node.scope);
  Text text = captured([&] { flow = run(node.body); });
  if (flow != Flow::on) return flow;
  const Value value = runtime_.heap.text(std::move(text));
  append_text(filter(*node.expressions[0], &value));
  return Flow::on;
}

void Interpreter::with(const Statement& node) {
  enter(node.scope);
  const size_t half = node.expressions.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    const Value value = evaluate(*node.expressions[half + i]);
    assign(*node.expressions[i], value);
  }
}

Value Interpreter::macro(const Statement& node) {
  return Value(Type::function, runtime_.heap.make<Macro>(0, *this, node, function_));
}

void Interpreter::call_block(const Statement& node) {
  const Value caller = macro(node);
  append_text(call(*node.expressions[0], &caller));
}

void Interpreter::generation(const Statement& node) {
  Text text = call_macro(node, function_, {});
  text.add_origin(kGenerated);
  out_->append(text);
}

Text Interpreter::call_macro(const Statement& node, const Value& outer, Arguments&& arguments) {
  const int line = line_;
  Text text = in_function(outer, node.function, [&] {
    bind(node, std::move(arguments));
    run(node.body);
  });
  line_ = line;
  return text;
}

void Interpreter::bind(const Statement& node, Arguments&& arguments) {
  auto& slots = function_.as<Activation>().slots;
  auto& positional = arguments.positional;
  auto& named = arguments.named;
  const auto take = [&](std::string_view name) {
    Value value;
    for (size_t i = 0; i < named.size(); ++i) {
      if (named[i].first.text().bytes() != name) continue;
      value = named[i].second;
      named.erase(named.begin() + long(i));
      break;
    }
    return value;
  };
  const size_t count = node.parameters.size();
  bool found_caller = node.explicit_caller && positional.size() >= count;
  for (size_t i = 0; i < count; ++i) {
    const Expression& parameter = *node.parameters[i];
    Value& value = slots[size_t(parameter.variable.slot)];
    if (i < positional.size()) {
      value = positional[i];
    } else {
      value = take(parameter.text);
      if (parameter.text == "caller") found_caller = true;
    }
  }
  const std::string name = node.kind == Kind::macro ? "the macro '" + node.text + "'" : "the block of a call";
  if (node.caller >= 0 || (node.explicit_caller && !found_caller)) {
    const Value caller = take("caller");
    const bool given = caller.given() && !caller.is(Type::none);
    if (node.caller >= 0) slots[size_t(node.caller)] = given ? caller : undefined(runtime_, "no caller is defined");
  }
  if (node.kwargs >= 0) {
    auto* rest = runtime_.heap.make<Dict>(named.size() * 4 * sizeof(Value));
    slots[size_t(node.kwargs)] = Value(Type::dict, rest);
    for (auto& [key, value] : named) rest->set(key, value);
  } else if (!named.empty()) {
    throw Problem(name + " has no parameter of that name");
  }
  if (node.varargs >= 0) {
    std::vector<Value> rest;
    if (positional.size() > count) rest.assign(positional.begin() + long(count), positional.end());
    slots[size_t(node.varargs)] = runtime_.heap.tuple(std::move(rest));
  } else if (positional.size() > count) {
    throw Problem(name + " takes " + std::to_string(count) + " arguments, got " + std::to_string(positional.size()));
  }
  enter(node.scope);
  const size_t first = node.kind == Kind::call_block ? 1 : 0;
  const size_t defaults = node.expressions.size() - first;
  for (size_t i = 0; i < count; ++i) {
    Value& value = slots[size_t(node.parameters[i]->variable.slot)];
    if (value.given()) continue;
    Value otherwise = i + defaults >= count
                          ? evaluate(*node.expressions[first + i + defaults - count])
                          : undefined(runtime_, "the parameter '" + node.parameters[i]->text + "' was not given");
    value = std::move(otherwise);
  }
}

// --- Loop

bool Loop::peek(Runtime& runtime) {
  if (after.given()) return true;
  if (ended) return false;
  ended = !jinja::next(runtime, iterator, after);
  if (ended) after = Value();
  return !ended;
}

bool Loop::next(Runtime& runtime, Value& item) {
  if (!peek(runtime)) return false;
  item = std::move(after);
  after = Value();
  ++index0;
  before = std::move(current);
  current = item;
  return true;
}

int64_t Loop::length(Runtime& runtime) {
  if (counted >= 0) return counted;
  if (!iterable.is(Type::iterator)) return counted = jinja::length(runtime, iterable);
  std::vector<Value> rest = collect(runtime, iterator);
  counted = int64_t(rest.size()) + index0 + 1 + (after.given() ? 1 : 0);
  iterator = iterate(runtime, runtime.heap.list(std::move(rest)));
  return counted;
}

Value Loop::attribute(Runtime& runtime, std::string_view name) {
  if (name == "index0") return Value::integer(index0);
  if (name == "index") return Value::integer(index0 + 1);
  if (name == "first") return Value::boolean(index0 == 0);
  if (name == "last") return Value::boolean(!peek(runtime));
  if (name == "length") return Value::integer(length(runtime));
  if (name == "revindex") return Value::integer(length(runtime) - index0);
  if (name == "revindex0") return Value::integer(length(runtime) - index0 - 1);
  if (name == "depth") return Value::integer(depth0 + 1);
  if (name == "depth0") return Value::integer(depth0);
  if (name == "previtem") return index0 > 0 ? before : undefined(runtime, "there is no previous item");
  if (name == "nextitem") return peek(runtime) ? after : undefined(runtime, "there is no next item");
  return {};
}

void Loop::clear() noexcept {
  iterable = iterator = after = current = before = last_changed = Value();
  recurse = nullptr;
}

}  // namespace hone::data::jinja
