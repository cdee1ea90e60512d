// What built-in filters, tests, methods and functions see of a rendering: its memory, its limits, Python's operations
// on values. A built-in is one entry of a table:
//   {"upper", "value", [](Runtime& runtime, Bound& a) { return …a[0]… }}
#pragma once
#include <array>
#include <ctime>
#include <functional>

#include "data/template/jinja/value.h"

namespace hone::data::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<Value, Value>> named;  // keys are strings
};

class Runtime {
 public:
  Runtime(int64_t steps, int depth, size_t output, const std::optional<std::tm>& now)
      : heap(4 * output), output(output), deepest_(depth), steps_(steps), all_steps_(steps), now(now) {}
  Runtime(const Runtime&) = delete;
  void step(int64_t count = 1) {
    if (count < 0 || (steps_ -= count) < 0) out_of_steps();
  }
  // What copying or comparing so many bytes costs.
  void step_bytes(size_t bytes) { step(int64_t(bytes / 32)); }

  Heap heap;
  const size_t output;  // bytes of a text

 private:
  friend class Deeper;
  [[noreturn]] void out_of_steps() const;
  const int deepest_;
  int depth_ = 0;
  int64_t steps_, all_steps_;

 public:
  const std::optional<std::tm>& now;
};

// Inside of a macro, of a loop that calls itself, of an iterator over an iterator, of a value's items.
class Deeper {
 public:
  explicit Deeper(Runtime& runtime) : runtime_(runtime) {
    if (runtime_.depth_ >= runtime_.deepest_) too_deep();
    ++runtime_.depth_;
  }
  ~Deeper() { --runtime_.depth_; }
  Deeper(const Deeper&) = delete;

 private:
  [[noreturn]] void too_deep() const;
  Runtime& runtime_;
};

// --- built-ins

struct Bound {
  std::array<Value, 8> values;  // missing where not given
  Arguments rest;               // of a signature with *
  const Value& operator[](size_t i) const { return values[i]; }
  bool given(size_t i) const { return values[i].given(); }
};
struct Builtin {
  std::string_view name;
  // "a b? * /": names, ? may be left out, * takes whatever else comes, / nothing by name.
  std::string_view parameters;
  Value (*call)(Runtime&, Bound&);
};
Value call_builtin(Runtime& runtime, const Builtin& builtin, Arguments&& arguments);

const Builtin* find_filter(std::string_view name);
const Builtin* find_test(std::string_view name);
const Builtin* find_method(Type type, std::string_view name);  // of str, dict, list …; the first parameter is the value
Value find_global(Runtime& runtime, std::string_view name);    // range, namespace …; missing where there is none

// The parameters, as Python would take them: errors are Problems.
int64_t whole_number(const Value& value, const char* what);
int64_t whole_number(const Bound& bound, size_t i, const char* what, int64_t otherwise);
const Text& text_of(const Value& value, const char* what);
bool flag(const Bound& bound, size_t i, bool otherwise = false);

// --- operations

[[noreturn]] void undefined_used(const Value& value);
[[noreturn]] void type_problem(std::string_view what, const Value& value);  // "… of a 'list'"
void require_defined(const Value& value);

Value iterate(Runtime& runtime, const Value& value);  // an iterator
bool next(Runtime& runtime, const Value& iterator, Value& item);
// Calls take(item) until it says false.
void each(Runtime& runtime, const Value& value, const std::function<bool(const Value&)>& take);
std::vector<Value> collect(Runtime& runtime, const Value& value);
int64_t length(Runtime& runtime, const Value& value);

bool equal(Runtime& runtime, const Value& a, const Value& b);
bool less(Runtime& runtime, const Value& a, const Value& b);  // a < b
enum class Order { less, less_equal, greater, greater_equal };
bool ordered(Runtime& runtime, Order order, const Value& a, const Value& b);
bool contains(Runtime& runtime, const Value& container, const Value& item);
void sort_values(Runtime& runtime, std::vector<std::pair<Value, Value>>& keyed, bool reverse);  // by .first, stable

enum class Arithmetic { add, subtract, multiply, divide, floor_divide, modulo, power };
Value arithmetic(Runtime& runtime, Arithmetic op, const Value& a, const Value& b);
Value negated(Runtime& runtime, const Value& value, bool minus);

Value get_attribute(Runtime& runtime, const Value& value, const Value& name);      // value.name
Value get_item(Runtime& runtime, const Value& value, const Value& key);            // value[key]
Value own_attribute(Runtime& runtime, const Value& value, std::string_view name);  // missing where there is none
Value slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop, const Value& step);
Value call(Runtime& runtime, const Value& callee, Arguments&& arguments);
Value call_method(Runtime& runtime, const Value& value, const Value& name, Arguments&& arguments);
Value undefined(Runtime& runtime, std::string message);

// --- texts

Text str(Runtime& runtime, const Value& value);
void append_str(Runtime& runtime, TextBuilder& out, const Value& value);
Text repr(Runtime& runtime, const Value& value);
std::string float_repr(double value);
Text to_json(Runtime& runtime, const Value& value, const Bound& options);
Text percent_format(Runtime& runtime, const Text& format, const Value& arguments);
Text brace_format(Runtime& runtime, const Text& format, const Arguments& arguments);
Text escaped(Runtime& runtime, const Text& text);
TextBuilder builder(Runtime& runtime);
Value substring(Runtime& runtime, const Text& text, size_t begin, size_t end);  // bytes

}  // namespace hone::data::jinja
