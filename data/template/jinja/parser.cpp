#include "data/template/jinja/parser.h"

#include <algorithm>

#include "data/template/jinja/parser_state.h"
#include "data/template/jinja/scopes.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

using Kind = Statement::Kind;
using StatementNode = std::unique_ptr<Statement>;

class Parser : public ExpressionParser {
 public:
  Parser(std::string_view source, int depth, Tree& tree) : ExpressionParser(source, depth, tree) {}

  void run() {
    tree_.body = body({});
    if (!now().is(TokenType::end)) wrong("unexpected " + described(now()));
  }

 private:
  StatementNode make_statement(Kind kind) {
    auto node = std::make_unique<Statement>();
    node->kind = kind, node->line = now().line;
    return node;
  }
  void add_expression(Statement& statement, Node node) {
    if (node) grew(statement, node->depth);
    statement.expressions.push_back(std::move(node));
  }

  // Up to one of the tags `ends`, whose name is the next token then; without `ends` up to the template's end.
  Body body(Names ends) {
    const Nested nested(*this);
    Body all;
    StatementNode output;
    const auto flush = [&] {
      if (output) all.push_back(std::move(output));
    };
    const auto out = [&](Node node) {
      if (!output) output = make_statement(Kind::output);
      output->expressions.push_back(std::move(node));
    };
    for (;;) {
      const Token& token = now();
      if (token.is(TokenType::end)) break;
      if (token.is(TokenType::data)) {
        Node text = make(Expression::constant, token.line);
        text->value = tree_.constants.text(Text(token.text));
        out(std::move(text));
        skip();
      } else if (token.is(TokenType::variable_begin)) {
        skip();
        out(tuple());
        expect(TokenType::variable_end);
      } else {
        flush();
        expect(TokenType::block_begin);
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view name) { return now().is_name(name); }))
          return all;
        all.push_back(statement(ends));
        expect(TokenType::block_end);
      }
    }
    flush();
    if (ends.size() != 0) wrong("expected {% " + std::string(*std::prev(ends.end())) + " %}, got the template's end");
    return all;
  }
  // The body of a tag: behind its end.
  Body tag_body(Names ends) {
    take_op(":");
    expect(TokenType::block_end);
    return body(ends);
  }
  Body whole_body(std::string_view end) {
    Body made = tag_body({end});
    skip();
    return made;
  }

  StatementNode statement(Names ends) {
    if (!now().is(TokenType::name)) wrong("expected a tag's name, got " + described(now()));
    const std::string name = now().text;
    for (const auto& [tag, parse] : kTags)
      if (tag == name) return (this->*parse)();
    for (const std::string_view refused : {"import", "from", "include", "extends", "block", "autoescape"})
      if (name == refused)
        wrong("{% " + name + " %} is not for chat templates: a template is one file and writes text");
    std::string what = "unknown tag {% " + excerpt(name) + " %}";
    if (ends.size() != 0) what += ", expected {% " + std::string(*std::prev(ends.end())) + " %}";
    wrong(what);
  }

  StatementNode for_loop() {
    StatementNode node = make_statement(Kind::loop);
    skip();
    add_expression(*node, target());
    if (!take_name("in")) wrong("expected 'in', got " + described(now()));
    add_expression(*node, tuple(false));
    add_expression(*node, take_name("if") ? expression() : nullptr);
    node->recursive = take_name("recursive");
    node->body = tag_body({"else", "endfor"});
    if (take_name("else"))
      node->otherwise = whole_body("endfor");
    else
      skip();
    return node;
  }

  StatementNode condition() {
    StatementNode node = make_statement(Kind::condition);
    skip();
    for (;;) {
      add_expression(*node, tuple(false));
      node->branches.push_back(tag_body({"elif", "else", "endif"}));
      if (take_name("elif")) continue;
      if (take_name("else"))
        node->otherwise = whole_body("endif");
      else
        skip();
      return node;
    }
  }

  StatementNode assign() {
    StatementNode node = make_statement(Kind::assign);
    skip();
    add_expression(*node, target(false, true));
    if (take_op("=")) {
      add_expression(*node, tuple());
      return node;
    }
    node->kind = Kind::assign_block;
    add_expression(*node, filters(nullptr));
    node->body = whole_body("endset");
    return node;
  }

  void signature(Statement& macro) {
    expect_op("(");
    while (!now().is_op(")")) {
      if (!macro.parameters.empty()) expect_op(",");
      Node name = target(true);
      name->parameter = true;
      for (const Node& other : macro.parameters)
        if (other->text == name->text) wrong("the parameter '" + excerpt(name->text) + "' is there twice");
      macro.parameters.push_back(std::move(name));
      if (take_op("="))
        add_expression(macro, expression());
      else if (macro.expressions.size() > (macro.kind == Kind::call_block ? 1 : 0))
        wrong("a parameter without a default behind one with a default");
    }
    expect_op(")");
  }

  StatementNode macro() {
    StatementNode node = make_statement(Kind::macro);
    skip();
    node->text = target(true)->text;
    signature(*node);
    node->body = whole_body("endmacro");
    return node;
  }

  StatementNode call_block() {
    StatementNode node = make_statement(Kind::call_block);
    skip();
    node->expressions.emplace_back();  // the call comes behind its parameters
    if (now().is_op("(")) signature(*node);
    Node call = expression();
    if (call->kind != Expression::call) wrong("expected a call", node->line);
    grew(*node, call->depth);
    node->expressions[0] = std::move(call);
    node->body = whole_body("endcall");
    return node;
  }

  StatementNode generation() {
    StatementNode node = make_statement(Kind::generation);
    skip();
    tree_.has_generation = true;
    node->body = whole_body("endgeneration");
    return node;
  }

  StatementNode filter_block() {
    StatementNode node = make_statement(Kind::filter_block);
    skip();
    add_expression(*node, filters(filter(nullptr)));
    node->body = whole_body("endfilter");
    return node;
  }

  StatementNode with() {
    StatementNode node = make_statement(Kind::with);
    skip();
    std::vector<Node> values;
    while (!now().is(TokenType::block_end)) {
      if (!values.empty()) expect_op(",");
      Node name = target();
      mark_parameter(*name);
      add_expression(*node, std::move(name));
      expect_op("=");
      values.push_back(expression());
    }
    for (Node& value : values) add_expression(*node, std::move(value));
    node->body = whole_body("endwith");
    return node;
  }
  static void mark_parameter(Expression& node) {
    node.parameter = true;
    for (const Node& item : node.items) mark_parameter(*item);
  }

  StatementNode print() {
    StatementNode node = make_statement(Kind::output);
    skip();
    while (!now().is(TokenType::block_end)) {
      if (!node->expressions.empty()) expect_op(",");
      add_expression(*node, expression());
    }
    return node;
  }

  StatementNode break_loop() {
    StatementNode node = make_statement(Kind::break_loop);
    skip();
    return node;
  }
  StatementNode continue_loop() {
    StatementNode node = make_statement(Kind::continue_loop);
    skip();
    return node;
  }

  static constexpr std::pair<std::string_view, StatementNode (Parser::*)()> kTags[] = {
      {"for", &Parser::for_loop},
      {"if", &Parser::condition},
      {"set", &Parser::assign},
      {"macro", &Parser::macro},
      {"call", &Parser::call_block},
      {"generation", &Parser::generation},
      {"filter", &Parser::filter_block},
      {"with", &Parser::with},
      {"print", &Parser::print},
      {"break", &Parser::break_loop},
      {"continue", &Parser::continue_loop}};
};

}  // namespace

Tree parse_tree(std::string_view source, int depth) {
  Tree tree;
  Parser(source, depth, tree).run();
  resolve_scopes(tree);
  return tree;
}

}  // namespace hone::data::jinja
