#include "data/template/jinja/runtime.h"

#include <algorithm>

#include "data/template/jinja/interpreter.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {

void Runtime::out_of_steps() const {
  throw Problem("more than " + std::to_string(all_steps_) + " steps, the limit: does a loop not end?");
}
void Deeper::too_deep() const {
  throw Problem("nested deeper than " + std::to_string(runtime_.deepest_) +
                ", the limit: does a macro call itself without end?");
}

// --- built-ins

Value call_builtin(Runtime& runtime, const Builtin& builtin, Arguments&& arguments) {
  runtime.step();
  const auto wrong = [&](const char* what) -> void {
    throw Problem(std::string(builtin.name) + ": expected (" + std::string(builtin.parameters) + "), got " + what);
  };
  Bound bound;
  std::array<std::string_view, 8> names;
  std::array<bool, 8> optional{};
  size_t count = 0;
  bool rest = false, positional_only = false;
  for (std::string_view words = builtin.parameters; !words.empty();) {
    const size_t space = std::min(words.find(' '), words.size());
    std::string_view word = words.substr(0, space);
    words.remove_prefix(std::min(space + 1, words.size()));
    if (word == "*") {
      rest = true;
    } else if (word == "/") {
      positional_only = true;
    } else {
      optional[count] = word.ends_with('?');
      names[count] = word.substr(0, word.size() - (optional[count] ? 1 : 0));
      ++count;
    }
  }
  auto& [positional, named] = arguments;
  const size_t taken = std::min(count, positional.size());
  for (size_t i = 0; i < taken; ++i) bound.values[i] = std::move(positional[i]);
  if (positional.size() > count) {
    if (!rest) wrong("more arguments");
    bound.rest.positional.assign(positional.begin() + long(count), positional.end());
  }
  for (auto& [key, value] : named) {
    const auto* at = std::find(names.begin(), names.begin() + count, key.text().bytes());
    const size_t i = size_t(at - names.begin());
    if (i < count && !positional_only) {
      if (bound.values[i].given()) wrong("an argument twice");
      bound.values[i] = std::move(value);
    } else if (rest) {
      bound.rest.named.emplace_back(std::move(key), std::move(value));
    } else {
      wrong("an argument of another name");
    }
  }
  for (size_t i = 0; i < count; ++i)
    if (!optional[i] && !bound.values[i].given()) wrong("fewer arguments");
  return builtin.call(runtime, bound);
}

int64_t whole_number(const Value& value, const char* what) {
  require_defined(value);
  if (!value.whole())
    throw Problem(std::string(what) + " must be a whole number, got a " + std::string(type_name(value)));
  return value.as_integer();
}
int64_t whole_number(const Bound& bound, size_t i, const char* what, int64_t otherwise) {
  return bound.given(i) ? whole_number(bound[i], what) : otherwise;
}
const Text& text_of(const Value& value, const char* what) {
  require_defined(value);
  if (!value.is(Type::string))
    throw Problem(std::string(what) + " must be a string, got a " + std::string(type_name(value)));
  return value.text();
}
bool flag(const Bound& bound, size_t i, bool otherwise) { return bound.given(i) ? truth(bound[i]) : otherwise; }

// --- operations

void undefined_used(const Value& value) {
  throw Problem(value.object() ? value.as<Undefined>().message : "a value is undefined");
}
void type_problem(std::string_view what, const Value& value) {
  require_defined(value);
  throw Problem(std::string(what) + " a '" + std::string(type_name(value)) + "'");
}
void require_defined(const Value& value) {
  if (value.is(Type::undefined)) undefined_used(value);
}
Value undefined(Runtime& runtime, std::string message) {
  const size_t bytes = message.capacity();
  return Value(Type::undefined, runtime.heap.make<Undefined>(bytes, std::move(message)));
}
TextBuilder builder(Runtime& runtime) { return TextBuilder(runtime.output); }

Value substring(Runtime& runtime, const Text& text, size_t begin, size_t end) {
  runtime.step_bytes(end - begin);
  TextBuilder out = builder(runtime);
  out.append(text, begin, end);
  return runtime.heap.text(out.take());
}

// --- iteration

namespace {

struct Indexed : Iterator {  // a list, a tuple, a range, a dict, a view
  explicit Indexed(Value of) : of(std::move(of)) {}
  bool next(Runtime&, Value& item) override {
    switch (of.type()) {
      case Type::list:
      case Type::tuple:
        return at < of.items().size() && (item = of.items()[at++], true);
      case Type::range: {
        const auto& range = of.as<IntegerRange>();
        return int64_t(at) < range.count && (item = Value::integer(range.at(int64_t(at++))), true);
      }
      case Type::dict: {
        const auto& entries = of.as<Dict>().entries();
        return at < entries.size() && (item = entries[at++].first, true);
      }
      default:
        return false;
    }
  }
  Value of;
  size_t at = 0;
};

struct ViewItems : Iterator {
  explicit ViewItems(Value of) : of(std::move(of)) {}
  bool next(Runtime& runtime, Value& item) override {
    const auto& view = of.as<DictView>();
    const auto& entries = view.dict.as<Dict>().entries();
    if (at >= entries.size()) return false;
    const auto& [key, value] = entries[at++];
    item = view.kind == DictView::keys ? key : view.kind == DictView::values ? value : runtime.heap.tuple({key, value});
    return true;
  }
  Value of;
  size_t at = 0;
};

struct Characters : Iterator {
  explicit Characters(Value of) : of(std::move(of)) {}
  bool next(Runtime& runtime, Value& item) override {
    const Text& text = of.text();
    if (at >= text.size()) return false;
    const size_t end = at + point_length(text.bytes()[at]);
    item = substring(runtime, text, at, end);
    at = end;
    return true;
  }
  Value of;
  size_t at = 0;
};

struct Nothing : Iterator {
  bool next(Runtime&, Value&) override { return false; }
};

}  // namespace

Value iterate(Runtime& runtime, const Value& value) {
  const auto made = [](Iterator* iterator) { return Value(Type::iterator, iterator); };
  switch (value.type()) {
    case Type::iterator:
      return value;
    case Type::list:
    case Type::tuple:
    case Type::range:
    case Type::dict:
      return made(runtime.heap.make<Indexed>(0, value));
    case Type::view:
      return made(runtime.heap.make<ViewItems>(0, value));
    case Type::string:
      return made(runtime.heap.make<Characters>(0, value));
    case Type::undefined:
      return made(runtime.heap.make<Nothing>(0));
    case Type::loop: {
      struct Rest : Iterator {
        explicit Rest(Value loop) : loop(std::move(loop)) {}
        bool next(Runtime& runtime, Value& item) override {
          Value inner;
          if (!loop.as<Loop>().next(runtime, inner)) return false;
          item = runtime.heap.tuple({inner, loop});
          return true;
        }
        Value loop;
      };
      return made(runtime.heap.make<Rest>(0, value));
    }
    default:
      type_problem("expected something to walk through, got", value);
  }
}

bool next(Runtime& runtime, const Value& iterator, Value& item) {
  runtime.step();
  return iterator.as<Iterator>().next(runtime, item);
}

void each(Runtime& runtime, const Value& value, const std::function<bool(const Value&)>& take) {
  if (value.sequence()) {
    const Value held = value;
    for (const Value& item : held.items()) {
      runtime.step();
      if (!take(item)) return;
    }
    return;
  }
  const Value iterator = iterate(runtime, value);
  Value item;
  while (next(runtime, iterator, item) && take(item)) {
  }
}

std::vector<Value> collect(Runtime& runtime, const Value& value) {
  std::vector<Value> all;
  each(runtime, value, [&](const Value& item) {
    all.push_back(item);
    return true;
  });
  return all;
}

int64_t length(Runtime&, const Value& value) {
  switch (value.type()) {
    case Type::undefined:
      return 0;
    case Type::string:
      return value.text().length();
    case Type::list:
    case Type::tuple:
      return int64_t(value.items().size());
    case Type::dict:
      return int64_t(value.as<Dict>().entries().size());
    case Type::view:
      return int64_t(value.as<DictView>().dict.as<Dict>().entries().size());
    case Type::range:
      return value.as<IntegerRange>().count;
    default:
      type_problem("there is no length of", value);
  }
}

}  // namespace hone::data::jinja
