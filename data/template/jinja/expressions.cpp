#include <algorithm>

#include "data/template/jinja/parser_state.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {

using Kind = Expression::Kind;

ExpressionParser::Nested::Nested(ExpressionParser& parser) : parser(parser) {
  if (++parser.nested_ > parser.deepest_) parser.wrong("tags or brackets nested too deep");
}

void ExpressionParser::wrong(const std::string& what, int line) const {
  throw SyntaxProblem(line ? line : now().line, what);
}

bool ExpressionParser::take_op(std::string_view op) {
  if (!now().is_op(op)) return false;
  skip();
  return true;
}
bool ExpressionParser::take_name(std::string_view name) {
  if (!now().is_name(name)) return false;
  skip();
  return true;
}
void ExpressionParser::expect_op(std::string_view op) {
  if (!take_op(op)) wrong("expected '" + std::string(op) + "', got " + described(now()));
}
void ExpressionParser::expect(TokenType type) {
  if (!now().is(type)) wrong("expected " + described({type, 0, {}}) + ", got " + described(now()));
  skip();
}
std::string ExpressionParser::expect_name() {
  if (!now().is(TokenType::name)) wrong("expected a name, got " + described(now()));
  std::string name = now().text;
  skip();
  return name;
}

Node ExpressionParser::make(Kind kind, int line, Node a, Node b, Node c) {
  auto node = std::make_unique<Expression>();
  node->kind = kind, node->line = line;
  for (Node* child : {&a, &b, &c})
    if (*child) add(*node, std::move(*child));
  return node;
}

void ExpressionParser::add(Expression& parent, Node child) {
  if (child) grew(parent, child->depth);
  parent.items.push_back(std::move(child));
}

Value ExpressionParser::name_value(const std::string& name) { return tree_.constants.text(Text(name)); }

Node ExpressionParser::expression(bool conditional) {
  const Nested nested(*this);
  return conditional ? this->conditional() : disjunction();
}

Node ExpressionParser::conditional() {
  int line = now().line;
  Node then = disjunction();
  while (take_name("if")) {
    Node test = disjunction(), otherwise;
    if (take_name("else")) otherwise = expression();
    then = make(Kind::condition, line, std::move(test), std::move(then));
    add(*then, std::move(otherwise));
    line = now().line;
  }
  return then;
}

Node ExpressionParser::disjunction() {
  Node left = conjunction();
  while (now().is_name("or")) {
    const int line = now().line;
    skip();
    Node right = conjunction();
    left = make(Kind::logical_or, line, std::move(left), std::move(right));
  }
  return left;
}

Node ExpressionParser::conjunction() {
  Node left = negation();
  while (now().is_name("and")) {
    const int line = now().line;
    skip();
    Node right = negation();
    left = make(Kind::logical_and, line, std::move(left), std::move(right));
  }
  return left;
}

Node ExpressionParser::negation() {
  if (!now().is_name("not")) return comparison();
  const Nested nested(*this);
  const int line = now().line;
  skip();
  return make(Kind::logical_not, line, negation());
}

Node ExpressionParser::comparison() {
  const int line = now().line;
  Node first = sum(), all;
  static constexpr std::pair<std::string_view, Expression::Operator> kOperators[] = {
      {"==", Expression::equal},      {"!=", Expression::not_equal}, {"<", Expression::less},
      {"<=", Expression::less_equal}, {">", Expression::greater},    {">=", Expression::greater_equal}};
  for (;;) {
    std::optional<Expression::Operator> found;
    for (const auto& [text, op] : kOperators)
      if (now().is_op(text)) found = op;
    if (now().is_name("in")) found = Expression::in;
    if (now().is_name("not") && ahead().is_name("in")) found = Expression::not_in, skip();
    if (!found) return all ? std::move(all) : std::move(first);
    skip();
    if (!all) all = make(Kind::comparison, line, std::move(first));
    add(*all, sum());
    all->operators.push_back(*found);
  }
}

Node ExpressionParser::sum() {
  Node left = concatenation();
  while (now().is_op("+") || now().is_op("-")) {
    const int line = now().line;
    const Arithmetic op = now().is_op("+") ? Arithmetic::add : Arithmetic::subtract;
    skip();
    Node right = concatenation();
    left = make(Kind::arithmetic, line, std::move(left), std::move(right));
    left->arithmetic_operator = op;
  }
  return left;
}

Node ExpressionParser::concatenation() {
  const int line = now().line;
  Node first = product(), all;
  while (take_op("~")) {
    if (!all) all = make(Kind::concat, line, std::move(first));
    add(*all, product());
  }
  return all ? std::move(all) : std::move(first);
}

Node ExpressionParser::product() {
  static constexpr std::pair<std::string_view, Arithmetic> kOperators[] = {{"*", Arithmetic::multiply},
                                                                           {"/", Arithmetic::divide},
                                                                           {"//", Arithmetic::floor_divide},
                                                                           {"%", Arithmetic::modulo}};
  Node left = power();
  for (;;) {
    const auto* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                     [&](const auto& entry) { return now().is_op(entry.first); });
    if (found == std::end(kOperators)) return left;
    const int line = now().line;
    skip();
    Node right = power();
    left = make(Kind::arithmetic, line, std::move(left), std::move(right));
    left->arithmetic_operator = found->second;
  }
}

Node ExpressionParser::power() {
  // To the left, unlike Python's: a ** b ** c is (a ** b) ** c.
  Node left = unary();
  while (now().is_op("**")) {
    const int line = now().line;
    skip();
    Node right = unary();
    left = make(Kind::arithmetic, line, std::move(left), std::move(right));
    left->arithmetic_operator = Arithmetic::power;
  }
  return left;
}

Node ExpressionParser::unary(bool with_filter) {
  const int line = now().line;
  Node node;
  if (now().is_op("-") || now().is_op("+")) {
    const Nested nested(*this);
    const Kind kind = now().is_op("-") ? Kind::minus : Kind::plus;
    skip();
    node = make(kind, line, unary(false));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filter ? filter_expression(std::move(node)) : std::move(node);
}

Node ExpressionParser::primary(bool members) {
  const Token& token = now();
  Node node;
  switch (token.type) {
    case TokenType::name:
      skip();
      if (token.text == "true" || token.text == "True" || token.text == "false" || token.text == "False") {
        node = make(Kind::constant, token.line);
        node->value = Value::boolean(token.text[0] == 't' || token.text[0] == 'T');
      } else if (token.text == "none" || token.text == "None") {
        node = make(Kind::constant, token.line);
        node->value = Value::none();
      } else if (members && take_op(".")) {
        node = make(Kind::member, token.line);
        node->text = token.text;
        node->value = name_value(expect_name());
      } else {
        node = make(Kind::name, token.line);
        node->text = token.text;
      }
      return node;
    case TokenType::string: {
      std::string text;
      for (; now().is(TokenType::string); skip()) text += now().text;
      node = make(Kind::constant, token.line);
      node->value = tree_.constants.text(Text(std::move(text)));
      return node;
    }
    case TokenType::integer:
    case TokenType::floating:
      skip();
      node = make(Kind::constant, token.line);
      node->value = token.is(TokenType::integer) ? Value::integer(token.integer) : Value::floating(token.floating);
      return node;
    case TokenType::op: {
      const Nested nested(*this);
      if (token.text == "(") {
        skip();
        node = tuple(true, true);
        expect_op(")");
        return node;
      }
      if (token.text == "[") return list();
      if (token.text == "{") return dict();
      [[fallthrough]];
    }
    default:
      wrong("expected an expression, got " + described(token));
  }
}

bool ExpressionParser::tuple_ends() const {
  return now().is(TokenType::variable_end) || now().is(TokenType::block_end) || now().is_op(")");
}

Node ExpressionParser::tuple(bool conditional, bool parentheses) {
  const int line = now().line;
  Node all, only;
  for (;;) {
    if (tuple_ends()) break;
    Node item = expression(conditional);
    const bool comma = now().is_op(",");
    if (!all && comma) all = make(Kind::tuple, line);
    if (!all) {
      only = std::move(item);
      break;
    }
    add(*all, std::move(item));
    if (!comma) break;
    skip();
  }
  if (all) return all;
  if (only) return only;
  if (!parentheses) wrong("expected an expression, got " + described(now()));
  return make(Kind::tuple, line);
}

Node ExpressionParser::simple_tuple(bool members) {
  const int line = now().line;
  Node all, only;
  for (;;) {
    if (tuple_ends()) break;
    Node item = primary(members);
    const bool comma = now().is_op(",");
    if (!all && comma) all = make(Kind::tuple, line);
    if (!all) {
      only = std::move(item);
      break;
    }
    add(*all, std::move(item));
    if (!comma) break;
    skip();
  }
  if (!all && !only) wrong("expected a name, got " + described(now()));
  return all ? std::move(all) : std::move(only);
}

void ExpressionParser::mark_stored(Expression& node) {
  switch (node.kind) {
    case Kind::name: {
      static constexpr std::string_view kConstants[] = {"true", "false", "none", "True", "False", "None"};
      if (std::find(std::begin(kConstants), std::end(kConstants), node.text) == std::end(kConstants)) return;
      break;
    }
    case Kind::member:
      return;
    case Kind::tuple:
      for (const Node& item : node.items) mark_stored(*item);
      return;
    default:
      break;
  }
  wrong("expected a name to assign to", node.line);
}

Node ExpressionParser::target(bool name_only, bool members) {
  Node node;
  if (name_only) {
    node = make(Kind::name, now().line);
    node->text = expect_name();
  } else {
    node = simple_tuple(members);
  }
  mark_stored(*node);
  return node;
}

Node ExpressionParser::list() {
  Node node = make(Kind::list, now().line);
  expect_op("[");
  while (!now().is_op("]")) {
    if (!node->items.empty()) expect_op(",");
    if (now().is_op("]")) break;
    add(*node, expression());
  }
  expect_op("]");
  return node;
}

Node ExpressionParser::dict() {
  Node node = make(Kind::dict, now().line);
  expect_op("{");
  while (!now().is_op("}")) {
    if (!node->items.empty()) expect_op(",");
    if (now().is_op("}")) break;
    add(*node, expression());
    expect_op(":");
    add(*node, expression());
  }
  expect_op("}");
  return node;
}

Node ExpressionParser::postfix(Node node) {
  for (;;) {
    if (now().is_op(".") || now().is_op("[")) {
      node = subscript(std::move(node));
    } else if (now().is_op("(")) {
      Node call = make(Kind::call, now().line, std::move(node));
      arguments(*call);
      node = std::move(call);
    } else {
      return node;
    }
  }
}

Node ExpressionParser::filter_expression(Node node) {
  for (;;) {
    if (now().is_op("|")) {
      node = filters(std::move(node));
    } else if (now().is_name("is")) {
      node = test(std::move(node));
    } else if (now().is_op("(")) {
      Node call = make(Kind::call, now().line, std::move(node));
      arguments(*call);
      node = std::move(call);
    } else {
      return node;
    }
  }
}

Node ExpressionParser::subscript(Node node) {
  const int line = now().line;
  if (take_op(".")) {
    const Token& token = now();
    skip();
    if (token.is(TokenType::name)) {
      node = make(Kind::attribute, line, std::move(node));
      node->value = name_value(token.text);
      return node;
    }
    if (!token.is(TokenType::integer)) wrong("expected a name or a number behind '.'", token.line);
    Node key = make(Kind::constant, line);
    key->value = Value::integer(token.integer);
    return make(Kind::item, line, std::move(node), std::move(key));
  }
  const Nested nested(*this);
  expect_op("[");
  Node found = subscripted(std::move(node));
  expect_op("]");
  return found;
}

Node ExpressionParser::subscripted(Node node) {
  const int line = now().line;
  Node start, stop, step;
  if (!now().is_op(":")) {
    if (now().is_op("]")) return make(Kind::item, line, std::move(node), make(Kind::tuple, line));  // x[] is x[()]
    start = expression();
    if (now().is_op(",")) {  // a key that is a tuple
      Node key = make(Kind::tuple, line, std::move(start));
      while (take_op(",")) {
        if (now().is_op("]")) wrong("expected an index, got ']'");
        add(*key, expression());
      }
      return make(Kind::item, line, std::move(node), std::move(key));
    }
    if (!now().is_op(":")) return make(Kind::item, line, std::move(node), std::move(start));
  }
  expect_op(":");
  if (!now().is_op(":") && !now().is_op("]")) stop = expression();
  if (take_op(":") && !now().is_op("]")) step = expression();
  Node made = make(Kind::slice, line, std::move(node));
  add(*made, std::move(start)), add(*made, std::move(stop)), add(*made, std::move(step));
  return made;
}

void ExpressionParser::arguments(Expression& call) {
  const Nested nested(*this);
  const int line = now().line;
  const auto ensure = [&](bool holds) {
    if (!holds) wrong("arguments in this order are not Python's", line);
  };
  expect_op("(");
  for (bool first = true; !now().is_op(")"); first = false) {
    if (!first) expect_op(",");
    if (now().is_op(")")) break;
    if (take_op("*")) {
      ensure(!call.more && !call.more_named);
      call.more = expression();
      grew(call, call.more->depth);
    } else if (take_op("**")) {
      ensure(!call.more_named);
      call.more_named = expression();
      grew(call, call.more_named->depth);
    } else if (now().is(TokenType::name) && ahead().is_op("=")) {
      ensure(!call.more_named);
      const std::string name = now().text;
      for (const auto& [key, value] : call.named)
        if (key.text().bytes() == name) wrong("the argument '" + excerpt(name) + "' is given twice");
      skip(2);
      Node value = expression();
      grew(call, value->depth);
      call.named.emplace_back(name_value(name), std::move(value));
    } else {
      ensure(!call.more && !call.more_named && call.named.empty());
      add(call, expression());
    }
  }
  expect_op(")");
}

Node ExpressionParser::filters(Node node) {
  while (take_op("|")) node = filter(std::move(node));
  return node;
}

Node ExpressionParser::filter(Node node) {
  const int line = now().line;
  Node made = make(Kind::filter, line);
  std::string name = expect_name();
  while (take_op(".")) name += "." + expect_name();
  made->text = name;
  made->builtin = find_filter(name);
  add(*made, std::move(node));
  if (now().is_op("(")) arguments(*made);
  return made;
}

Node ExpressionParser::test(Node node) {
  const int line = now().line;
  skip();
  const bool negated = take_name("not");
  Node made = make(Kind::test, line);
  std::string name = expect_name();
  while (take_op(".")) name += "." + expect_name();
  made->text = name;
  made->builtin = find_test(name);
  add(*made, std::move(node));
  const Token& token = now();
  if (token.is_op("(")) {
    arguments(*made);
  } else if ((token.is(TokenType::name) && token.text != "else" && token.text != "or" && token.text != "and") ||
             token.is(TokenType::string) || token.is(TokenType::integer) || token.is(TokenType::floating) ||
             token.is_op("[") || token.is_op("{")) {
    if (token.text == "is" && token.is(TokenType::name)) wrong("tests with 'is' cannot follow one another");
    const Nested nested(*this);
    Node argument = primary();
    add(*made, postfix(std::move(argument)));
  }
  return negated ? make(Kind::logical_not, line, std::move(made)) : std::move(made);
}

}  // namespace hone::data::jinja
