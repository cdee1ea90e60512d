// The functions that every template has: range, namespace, dict, cycler, joiner, raise_exception, strftime_now.
#include "data/template/jinja/runtime.h"

namespace hone::data::jinja {
namespace {

// As Python's dict(*args, **kwargs), into `dict`, which `owner` holds.
void fill(Runtime& runtime, Object& owner, Dict& dict, const Arguments& arguments) {
  const auto set = [&](const Value& key, const Value& value) {
    runtime.heap.grow(owner, 4 * sizeof(Value));
    dict.set(key, value);
  };
  if (arguments.positional.size() > 1) throw Problem("expected one dict, and arguments by name");
  for (const Value& from : arguments.positional) {
    require_defined(from);
    if (from.is(Type::dict)) {
      for (const auto& [key, value] : from.as<Dict>().entries()) runtime.step(), set(key, value);
      continue;
    }
    each(runtime, from, [&](const Value& item) {
      const std::vector<Value> pair = collect(runtime, item);
      if (pair.size() != 2) throw Problem("expected a dict or pairs of key and value");
      set(pair[0], pair[1]);
      return true;
    });
  }
  for (const auto& [key, value] : arguments.named) set(key, value);
}

Value make_dict(Runtime& runtime, Bound& a) {
  auto* dict = runtime.heap.make<Dict>(0);
  const Value value(Type::dict, dict);
  fill(runtime, *dict, *dict, a.rest);
  return value;
}

Value make_namespace(Runtime& runtime, Bound& a) {
  auto* made = runtime.heap.make<Namespace>(0);
  const Value value(Type::name_space, made);
  fill(runtime, *made, made->attributes, a.rest);
  for (const auto& [key, attribute] : made->attributes.entries())
    if (key.is(Type::string) && key.text().bytes().starts_with('_'))
      throw Problem("a namespace's attribute cannot begin with _");
  return value;
}

Value make_range(Runtime& runtime, Bound& a) {
  const int64_t first = whole_number(a[0], "range()"), second = whole_number(a, 1, "range()", 0);
  const int64_t start = a.given(1) ? first : 0, stop = a.given(1) ? second : first;
  const int64_t step = whole_number(a, 2, "range()'s step", 1);
  if (step == 0) throw Problem("range()'s step cannot be 0");
  constexpr uint64_t kMost = 100'000;  // of jinja2's sandbox
  uint64_t count = 0;
  if (step > 0 ? start < stop : start > stop) {
    const uint64_t span = step > 0 ? uint64_t(stop) - uint64_t(start) : uint64_t(start) - uint64_t(stop);
    const uint64_t by = step > 0 ? uint64_t(step) : 0 - uint64_t(step);
    count = (span - 1) / by + 1;
  }
  if (count > kMost) throw Problem("range() of more than 100000 numbers, the limit");
  return Value(Type::range, runtime.heap.make<IntegerRange>(0, start, stop, step, int64_t(count)));
}

Value make_cycler(Runtime& runtime, Bound& a) {
  if (a.rest.positional.empty() || !a.rest.named.empty()) throw Problem("cycler() takes what it cycles through");
  const size_t bytes = a.rest.positional.size() * sizeof(Value);
  return Value(Type::cycler, runtime.heap.make<Cycler>(bytes, a.rest.positional));
}

struct Joiner : Callable {
  explicit Joiner(Value separator) : separator(std::move(separator)) {}
  Value call(Runtime& runtime, Arguments& arguments) override {
    if (!arguments.positional.empty() || !arguments.named.empty()) throw Problem("a joiner takes no arguments");
    if (used) return separator;
    used = true;
    return runtime.heap.text("");
  }
  Value separator;
  bool used = false;
};
Value make_joiner(Runtime& runtime, Bound& a) {
  return Value(Type::function, runtime.heap.make<Joiner>(0, a.given(0) ? a[0] : runtime.heap.text(", ")));
}

Value raise_exception(Runtime& runtime, Bound& a) {
  throw Problem("the template says: " + str(runtime, a[0]).without_data());
}

Value strftime_now(Runtime& runtime, Bound& a) {
  const std::string_view given = text_of(a[0], "strftime_now()'s format").bytes();
  if (given.size() > 1024) throw Problem("strftime_now(): a format of more than 1024 bytes");
  std::string format;
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i] == '\0') throw Problem("strftime_now(): a format with a zero byte");
    if (given[i] != '%' || i + 1 >= given.size()) {
      format += given[i];
      continue;
    }
    // Python's own; the date has no time zone and no fractions of a second.
    const char what = given[++i];
    if (what == 'f')
      format += "000000";
    else if (what != 'z' && what != 'Z')
      format += {'%', what};
  }
  if (format.empty()) return runtime.heap.text("");
  char text[8192];
  const std::tm now = *runtime.now;
  const size_t size = std::strftime(text, sizeof text, (format + "|").c_str(), &now);
  if (size == 0) throw Problem("strftime_now(): the text is too long");
  return runtime.heap.text(std::string(text, size - 1));
}

constexpr Builtin kGlobals[] = {
    {"cycler", "*", make_cycler},
    {"dict", "*", make_dict},
    {"joiner", "sep?", make_joiner},
    {"namespace", "*", make_namespace},
    {"raise_exception", "message", raise_exception},
    {"range", "start stop? step? /", make_range},
    {"strftime_now", "format", strftime_now},
};

struct Global : Callable {
  explicit Global(const Builtin& builtin) : builtin(builtin) {}
  Value call(Runtime& runtime, Arguments& arguments) override {
    return call_builtin(runtime, builtin, std::move(arguments));
  }
  Value attribute(Runtime& runtime, std::string_view name) override {
    if (builtin.name != "dict" || name != "fromkeys") return {};
    return own_attribute(runtime, Value(Type::dict, runtime.heap.make<Dict>(0)), name);
  }
  const Builtin& builtin;
};

}  // namespace

Value find_global(Runtime& runtime, std::string_view name) {
  if (name == "strftime_now" && !runtime.now) return {};
  for (const Builtin& builtin : kGlobals)
    if (builtin.name == name) return Value(Type::function, runtime.heap.make<Global>(0, builtin));
  return {};
}

}  // namespace hone::data::jinja
