// Walks a template's tree once: what template.h promises, on values.
#pragma once
#include "data/template/jinja/nodes.h"

namespace hone::data::jinja {

// A call of a function: its variables. Macros keep the one that they were made in.
struct Activation : Changing {
  Activation(Value outer, int slots) : outer(std::move(outer)), slots(size_t(slots)) {}
  Value outer;
  std::vector<Value> slots;
  void clear() noexcept override { slots.clear(), outer = Value(); }
};

// The variable `loop`.
struct Loop : Changing {
  Value iterable, iterator;
  Value after, current, before, last_changed;  // missing where there is none
  bool ended = false;                          // a look ahead found nothing
  int64_t index0 = -1, counted = -1;
  int depth0 = 0;
  // Of a recursive loop: the text of the loop over something else.
  std::function<Value(const Value& iterable, int depth)> recurse;

  bool next(Runtime& runtime, Value& item);
  Value attribute(Runtime& runtime, std::string_view name);  // missing where there is none
  void clear() noexcept override;

 private:
  bool peek(Runtime& runtime);
  int64_t length(Runtime& runtime);
};

class Interpreter {
 public:
  Interpreter(const Tree& tree, Runtime& runtime) : tree_(tree), runtime_(runtime) {}
  // `given`: a value for each of the tree's names.
  Text run(std::vector<Value> given);
  int line() const { return line_; }  // of what was done last

 private:
  friend struct Macro;
  friend struct Filtered;
  enum class Flow { on, broken, continued };

  // statements (interpreter.cpp)
  Flow run(const Body& body);
  Flow run(const Statement& node);
  Flow loop(const Statement& node, const Value& iterable, int depth);
  Text recursive_loop(const Statement& node, const Value& outer, const Value& iterable, int depth);
  Flow condition(const Statement& node);
  Flow assign_block(const Statement& node);
  void append_text(const Value& value);
  Flow filter_block(const Statement& node);
  void with(const Statement& node);
  void call_block(const Statement& node);
  void generation(const Statement& node);
  Value macro(const Statement& node);
  Text call_macro(const Statement& node, const Value& outer, Arguments&& arguments);
  void bind(const Statement& node, Arguments&& arguments);
  void enter(const Scope& scope);
  void assign(const Expression& target, const Value& value);
  Value stored(const Expression& target);  // what was assigned
  Value& slot(const Variable& variable);

  // expressions (evaluate.cpp)
  Value evaluate(const Expression& node);
  Value evaluate_deep(const Expression& node);
  Value condition(const Expression& node);
  Value comparison(const Expression& node);
  Value concat(const Expression& node);
  Value dict(const Expression& node);
  Value slice(const Expression& node);
  Value call(const Expression& node, const Value* caller = nullptr);
  Value filter(const Expression& node, const Value* block);  // of a filter block: its text
  Arguments arguments(const Expression& node, size_t from, Value first = {});
  std::vector<Value> items(const Expression& node);

  // What `body` writes.
  template <class F>
  Text captured(F&& body) {
    TextBuilder buffer(runtime_.output), *outer = out_;
    out_ = &buffer;
    body();
    out_ = outer;
    return buffer.take();
  }
  // Runs `body` in a function of its own.
  template <class F>
  Text in_function(const Value& outer, const Function& function, F&& body) {
    const Deeper deeper(runtime_);
    const Value caller = function_;
    function_ = Value(Type::activation,
                      runtime_.heap.make<Activation>(size_t(function.slots) * sizeof(Value), outer, function.slots));
    Text text = captured(body);
    function_ = caller;
    return text;
  }

  // How many nodes inside of nodes, over all macros, a thread's stack bears.
  static constexpr int kDeepest = 2000;
  struct Inside {
    explicit Inside(Interpreter& interpreter) : depth(interpreter.depth_) {
      if (depth >= kDeepest) throw Problem("tags, expressions and macros nested deeper than 2000");
      ++depth;
    }
    ~Inside() { --depth; }
    int& depth;
  };
  const Tree& tree_;
  Runtime& runtime_;
  std::vector<Value> given_;
  Value function_;  // the activation
  TextBuilder* out_ = nullptr;
  int line_ = 1, depth_ = 0;
};

}  // namespace hone::data::jinja
