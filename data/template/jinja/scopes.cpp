#include "data/template/jinja/scopes.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "data/template/jinja/lexer.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

using Kind = Statement::Kind;

// A function's slots, one a name and level of scopes: scopes side by side share them, as jinja2's do.
struct Slots {
  Slots* outer = nullptr;
  Function* function;
  std::map<std::pair<int, std::string>, int> places;
  int place(int level, const std::string& name) {
    const auto [at, added] = places.try_emplace({level, name}, function->slots);
    if (added) ++function->slots;
    return at->second;
  }
};

// The names of one scope.
struct Symbols {
  enum Start { parameter, global, copy, nothing };
  Symbols* outer = nullptr;
  Slots* slots = nullptr;
  int level = 0;
  std::map<std::string, Start> names;
  std::set<std::string> stores;

  Symbols* holder(const std::string& name) {
    for (Symbols* at = this; at; at = at->outer)
      if (at->names.contains(name)) return at;
    return nullptr;
  }
  void declare(const std::string& name) { stores.insert(name), names[name] = parameter; }
  void load(const std::string& name) {
    if (!holder(name)) names[name] = global;
  }
  void store(const std::string& name) {
    stores.insert(name);
    if (!names.contains(name)) names[name] = outer && outer->holder(name) ? copy : nothing;
  }
  // After an {% if %}: a name that only some branches set begins as it is outside.
  void join(const std::vector<Symbols>& branches) {
    std::set<std::string> set;
    for (const Symbols& branch : branches) set.insert(branch.stores.begin(), branch.stores.end());
    for (const std::string& name : stores) set.erase(name);
    for (const Symbols& branch : branches) {
      for (const auto& [name, start] : branch.names) names[name] = start;
      stores.insert(branch.stores.begin(), branch.stores.end());
    }
    for (const std::string& name : set) names[name] = outer && outer->holder(name) ? copy : global;
  }
};

// --- what a scope's own statements load and store; inner scopes come later

void names_of(Symbols& symbols, const Expression& node, bool store = false, bool parameter = false) {
  if (node.kind == Expression::name) {
    if (parameter || node.parameter)
      symbols.declare(node.text);
    else if (store)
      symbols.store(node.text);
    else
      symbols.load(node.text);
    return;
  }
  if (node.kind == Expression::member) return symbols.load(node.text);
  for (const Node& item : node.items)
    if (item) names_of(symbols, *item, store, parameter);
  for (const auto& [key, value] : node.named) names_of(symbols, *value);
  if (node.more) names_of(symbols, *node.more);
  if (node.more_named) names_of(symbols, *node.more_named);
}

void names_of(Symbols& symbols, const Body& body);

void names_of(Symbols& symbols, const Statement& node) {
  const auto& all = node.expressions;
  switch (node.kind) {
    case Kind::output:
    case Kind::filter_block:
      for (const Node& item : all) names_of(symbols, *item);
      return;
    case Kind::condition: {
      // As jinja2: the branches of elif are one {% if %} each, side by side.
      names_of(symbols, *all[0]);
      std::vector<Symbols> branches(3, symbols);
      names_of(branches[0], node.branches[0]);
      for (size_t i = 1; i < node.branches.size(); ++i) {
        names_of(branches[1], *all[i]);
        std::vector<Symbols> inner(1, branches[1]);
        names_of(inner[0], node.branches[i]);
        branches[1].join(inner);
      }
      names_of(branches[2], node.otherwise);
      return symbols.join(branches);
    }
    case Kind::loop:
      return names_of(symbols, *all[1]);
    case Kind::assign:
      names_of(symbols, *all[1]);
      return names_of(symbols, *all[0], true);
    case Kind::assign_block:
      return names_of(symbols, *all[0], true);
    case Kind::macro:
      return symbols.store(node.text);
    case Kind::call_block:
      return names_of(symbols, *all[0]);
    case Kind::with:
      for (size_t i = all.size() / 2; i < all.size(); ++i) names_of(symbols, *all[i]);
      return;
    case Kind::generation:
    case Kind::break_loop:
    case Kind::continue_loop:
      return;
  }
}

void names_of(Symbols& symbols, const Body& body) {
  for (const auto& statement : body) names_of(symbols, *statement);
}

// --- every name below a statement, in jinja2's order

using Visit = std::function<void(const Expression& name, bool store)>;

void visit(const Expression* node, const Visit& take, bool store = false) {
  if (!node) return;
  if (node->kind == Expression::name) return take(*node, store || node->parameter);
  for (const Node& item : node->items) visit(item.get(), take, store);
  for (const auto& [key, value] : node->named) visit(value.get(), take);
  visit(node->more.get(), take), visit(node->more_named.get(), take);
}

void visit(const Body& body, const Visit& take);

void visit(const Statement& node, const Visit& take) {
  const bool call = node.kind == Kind::call_block;
  const auto& all = node.expressions;
  if (call) visit(all[0].get(), take);
  for (const Node& name : node.parameters) visit(name.get(), take);
  if (node.kind == Kind::condition) {
    for (size_t i = 0; i < all.size(); ++i) visit(all[i].get(), take), visit(node.branches[i], take);
  } else if (node.kind == Kind::filter_block) {
    visit(node.body, take);
    return visit(all[0].get(), take);
  } else {
    const bool stores = node.kind == Kind::loop || node.kind == Kind::assign || node.kind == Kind::assign_block;
    const bool loop = node.kind == Kind::loop;
    for (size_t i = call ? 1 : 0; i < all.size() - (loop ? 1 : 0); ++i) visit(all[i].get(), take, stores && i == 0);
  }
  visit(node.body, take), visit(node.otherwise, take);
  if (node.kind == Kind::loop) visit(all[2].get(), take);
}

void visit(const Body& body, const Visit& take) {
  for (const auto& statement : body) visit(*statement, take);
}

// Which of the names are read before they are stored.
std::set<std::string> undeclared(const Body& body, std::set<std::string> names) {
  std::set<std::string> found;
  visit(body, [&](const Expression& name, bool store) {
    if (!names.contains(name.text)) return;
    if (store)
      names.erase(name.text);
    else
      found.insert(name.text);
  });
  return found;
}

// --- the second pass: scopes from the outside in

struct Frame {
  Symbols* symbols;
  Slots* slots;
  bool soft = false;     // inside of an {% if %}: an unknown filter is an error when it is used
  bool in_loop = false;  // of this function
};

class Resolver {
 public:
  explicit Resolver(Tree& tree) : tree_(tree) {}

  void run() {
    Slots slots{nullptr, &tree_.function, {}};
    Symbols symbols;
    symbols.slots = &slots;
    names_of(symbols, tree_.body);
    tree_.scope = loads(symbols);
    body(tree_.body, {&symbols, &slots});
  }

 private:
  [[noreturn]] static void wrong(int line, const std::string& what) { throw SyntaxProblem(line, what); }

  int global(const std::string& name) {
    const auto [at, added] = globals_.try_emplace(name, int(tree_.names.size()));
    if (added) tree_.names.push_back(name);
    return at->second;
  }

  Variable variable(const Slots* from, Symbols* symbols, const std::string& name, int line) {
    Symbols* holder = symbols->holder(name);
    // jinja2 fails here too: names in the filter of {% set x | filter %} are not searched for.
    if (!holder) wrong(line, "the name '" + excerpt(name) + "' cannot be used here: set it to a variable before");
    int hops = 0;
    for (const Slots* at = from; at != holder->slots; at = at->outer) ++hops;
    return {hops, holder->slots->place(holder->level, name)};
  }

  Scope loads(Symbols& symbols) {
    Scope scope;
    for (const auto& [name, start] : symbols.names) {
      const int slot = symbols.slots->place(symbols.level, name);
      if (start == Symbols::global) scope.push_back({Load::global, slot, global(name), {}});
      if (start == Symbols::copy)
        scope.push_back({Load::copy, slot, -1, variable(symbols.slots, symbols.outer, name, 0)});
      if (start == Symbols::nothing) scope.push_back({Load::nothing, slot, -1, {}});
    }
    return scope;
  }

  Symbols inner(const Frame& frame, Slots* slots) {
    Symbols symbols;
    symbols.outer = frame.symbols, symbols.slots = slots, symbols.level = frame.symbols->level + 1;
    return symbols;
  }

  void body(Body& all, const Frame& frame) {
    for (auto& node : all) statement(*node, frame);
  }

  void expression(Expression* node, Frame frame) {
    if (!node) return;
    if (node->kind == Expression::name || node->kind == Expression::member) {
      node->variable = variable(frame.slots, frame.symbols, node->text, node->line);
      auto& message = undefined_[node->text];
      if (!message.given()) message = tree_.constants.undefined("'" + excerpt(node->text) + "' is undefined");
      node->undefined = message;
      return;
    }
    if (node->kind == Expression::condition) frame.soft = true;
    if ((node->kind == Expression::filter || node->kind == Expression::test) && !node->builtin && !frame.soft)
      wrong(node->line, (node->kind == Expression::filter ? "no filter is called '" : "no test is called '") +
                            excerpt(node->text) + "'");
    for (Node& item : node->items) expression(item.get(), frame);
    for (auto& [key, value] : node->named) expression(value.get(), frame);
    expression(node->more.get(), frame), expression(node->more_named.get(), frame);
  }

  void statement(Statement& node, const Frame& frame) {
    auto& all = node.expressions;
    switch (node.kind) {
      case Kind::output:
      case Kind::assign:
        for (Node& item : all) expression(item.get(), frame);
        return;
      case Kind::condition: {
        Frame soft = frame;
        soft.soft = true;
        for (Node& test : all) expression(test.get(), soft);
        for (Body& branch : node.branches) body(branch, soft);
        return body(node.otherwise, soft);
      }
      case Kind::loop:
        return loop(node, frame);
      case Kind::assign_block: {
        Symbols symbols = inner(frame, frame.slots);
        names_of(symbols, node.body);
        const Frame block{&symbols, frame.slots, false, frame.in_loop};
        node.scope = loads(symbols);
        body(node.body, block);
        expression(all[0].get(), frame);
        return expression(all[1].get(), block);
      }
      case Kind::filter_block: {
        Symbols symbols = inner(frame, frame.slots);
        names_of(symbols, node.body);
        names_of(symbols, *all[0]);
        const Frame block{&symbols, frame.slots, false, frame.in_loop};
        node.scope = loads(symbols);
        body(node.body, block);
        return expression(all[0].get(), block);
      }
      case Kind::with: {
        Symbols symbols = inner(frame, frame.slots);
        const size_t half = all.size() / 2;
        for (size_t i = 0; i < half; ++i) names_of(symbols, *all[i]);
        names_of(symbols, node.body);
        const Frame block{&symbols, frame.slots, false, frame.in_loop};
        node.scope = loads(symbols);
        for (size_t i = 0; i < half; ++i) expression(all[i].get(), block), expression(all[half + i].get(), frame);
        return body(node.body, block);
      }
      case Kind::macro:
        function(node, frame);
        node.variable = variable(frame.slots, frame.symbols, node.text, node.line);
        return;
      case Kind::generation:
        return function(node, frame);
      case Kind::call_block:
        function(node, frame);
        return expression(all[0].get(), frame);
      case Kind::break_loop:
      case Kind::continue_loop:
        if (!frame.in_loop)
          wrong(node.line,
                node.kind == Kind::break_loop ? "{% break %} outside of a loop" : "{% continue %} outside of a loop");
        return;
    }
  }

  void function(Statement& node, const Frame& frame) {
    Slots slots{frame.slots, &node.function, {}};
    Symbols symbols = inner(frame, &slots);
    const size_t first = node.kind == Kind::call_block ? 1 : 0;  // of the defaults
    const size_t defaults = node.expressions.size() - first;
    for (const Node& name : node.parameters) names_of(symbols, *name);
    for (size_t i = first; i < node.expressions.size(); ++i) names_of(symbols, *node.expressions[i]);
    names_of(symbols, node.body);
    std::set<std::string> special = undeclared(node.body, {"caller", "kwargs", "varargs"});
    for (size_t i = 0; i < node.parameters.size(); ++i) {
      const std::string& name = node.parameters[i]->text;
      if (name == "caller") {
        node.explicit_caller = true;
        if (special.contains(name) && i + defaults < node.parameters.size())
          wrong(node.line, "the parameter 'caller' needs a default");
      }
      if (name != "caller" || !special.contains(name)) special.erase(name);
    }
    if (node.explicit_caller) special.erase("caller");
    for (const std::string& name : special) symbols.declare(name);
    const auto slot = [&](const char* name) { return special.contains(name) ? slots.place(symbols.level, name) : -1; };
    node.caller = slot("caller"), node.kwargs = slot("kwargs"), node.varargs = slot("varargs");
    node.scope = loads(symbols);
    const Frame block{&symbols, &slots, false, false};
    for (Node& name : node.parameters) expression(name.get(), block);
    for (size_t i = first; i < node.expressions.size(); ++i) expression(node.expressions[i].get(), block);
    body(node.body, block);
  }

  void loop(Statement& node, const Frame& frame) {
    auto& all = node.expressions;
    node.extended = node.recursive || undeclared(node.body, {"loop"}).contains("loop");
    visit(node, [&](const Expression& name, bool store) {
      if (store && !name.parameter && name.text == "loop")
        wrong(name.line, "the variable 'loop' cannot be set in a loop");
    });
    Slots own{frame.slots, &node.function, {}};
    Slots* slots = node.recursive ? &own : frame.slots;
    Symbols symbols = inner(frame, slots), otherwise = inner(frame, slots);
    if (node.extended) symbols.declare("loop");
    names_of(symbols, *all[0], true, true);
    names_of(symbols, node.body);
    names_of(otherwise, node.otherwise);
    if (all[2]) {
      Slots filter{frame.slots, &node.test_function, {}};
      Symbols test = inner(frame, &filter);
      names_of(test, *all[0], true, true);
      names_of(test, *all[2]);
      const Frame inside{&test, &filter};
      node.test_scope = loads(test);
      // The target is stored twice: in the filter's own variables, then in the body's.
      expression(all[0].get(), inside);
      node.parameters.push_back(copy_of_target(*all[0]));
      expression(all[2].get(), inside);
    }
    const Frame block{&symbols, slots, false, true};
    expression(all[0].get(), block);
    node.scope = loads(symbols);
    if (node.extended) node.variable = variable(slots, &symbols, "loop", node.line);
    // A recursive loop's iterable is evaluated outside of its function.
    expression(all[1].get(), frame);
    body(node.body, block);
    node.otherwise_scope = loads(otherwise);
    body(node.otherwise, {&otherwise, slots, false, node.recursive ? false : frame.in_loop});
    // What the loop leaves behind has no value: macros made inside may look.
    for (const auto& [name, start] : symbols.names) node.leaves.push_back(slots->place(symbols.level, name));
  }

  static Node copy_of_target(const Expression& node) {
    auto copy = std::make_unique<Expression>();
    copy->kind = node.kind, copy->line = node.line, copy->variable = node.variable, copy->value = node.value;
    for (const Node& item : node.items) copy->items.push_back(copy_of_target(*item));
    return copy;
  }

  Tree& tree_;
  std::map<std::string, int> globals_;
  std::map<std::string, Value> undefined_;
};

}  // namespace

void resolve_scopes(Tree& tree) { Resolver(tree).run(); }

}  // namespace hone::data::jinja
