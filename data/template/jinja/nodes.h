// A template as a tree. Which variable a name means is decided once, after parsing (scopes.h).
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/template/jinja/runtime.h"

namespace hone::data::jinja {

struct Variable {  // a slot of a function, so many functions further out
  int hops = -1, slot = -1;
};
struct Load {  // what a variable holds where its scope begins
  enum Kind { global, copy, nothing };
  Kind kind;
  int slot;
  int name;       // global: Tree::names
  Variable from;  // copy
};
using Scope = std::vector<Load>;

struct Expression;
using Node = std::unique_ptr<Expression>;
struct Expression {
  enum Kind : uint8_t {
    constant,
    name,  // load or store
    list,
    tuple,
    dict,       // key, value, key, value …
    condition,  // test, then, else or null
    logical_or,
    logical_and,
    logical_not,
    comparison,  // a, b, c … with `operators` between
    arithmetic,
    minus,
    plus,
    concat,
    attribute,  // text.value
    item,
    slice,   // value, start, stop, step; three of them may be null
    call,    // callee, arguments
    filter,  // value (null in a block), arguments
    test,
    member  // a namespace's, to store: variable, text
  };
  enum Operator : uint8_t { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
  Kind kind;
  int line;
  int depth = 1;
  bool parameter = false;  // a name that a macro, a loop or {% with %} declares
  Arithmetic arithmetic_operator = Arithmetic::add;
  Value value;       // constant; attribute, member, filter, test: the name
  std::string text;  // the name
  std::vector<Node> items;
  std::vector<Operator> operators;
  std::vector<std::pair<Value, Node>> named;  // of a call
  Node more, more_named;                      // * and **
  Variable variable;
  Value undefined;                   // what a name is when it has no value
  const Builtin* builtin = nullptr;  // filter, test
};

struct Function {
  int slots = 0;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;
struct Statement {
  enum Kind : uint8_t {
    output,        // expressions
    condition,     // branches
    loop,          // target, iterable, test or null
    assign,        // target, value
    assign_block,  // target, filter or null
    macro,         // defaults
    call_block,    // call, defaults
    generation,
    filter_block,  // filter
    with,          // targets, then values
    break_loop,
    continue_loop
  };
  Kind kind;
  int line;
  int depth = 1;
  bool recursive = false, extended = false;  // of a loop: calls itself; has the variable `loop`
  std::string text;                          // macro: its name
  std::vector<Node> expressions;
  std::vector<Node> parameters;  // of a macro, a call block; of a loop with a test the target again, for the test
  Body body, otherwise;
  // condition: `expressions` are the tests, one a branch; then `otherwise`
  std::vector<Body> branches;
  Scope scope, otherwise_scope, test_scope;
  std::vector<int> leaves;                     // loop: slots that have no value behind it
  Variable variable;                           // macro: where it is stored; loop: `loop`
  int caller = -1, kwargs = -1, varargs = -1;  // slots of a macro's special parameters
  bool explicit_caller = false;
  Function function, test_function;  // macro, call block, recursive loop; the loop's filter
};

struct Tree {
  Constants constants;  // first, so that it outlives the values below that point to it
  Body body;
  Scope scope;
  Function function;
  std::vector<std::string> names;  // that are looked up among what is given
  bool has_generation = false;
};

}  // namespace hone::data::jinja
