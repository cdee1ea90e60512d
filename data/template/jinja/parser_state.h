// The parser's two halves, statements (parser.cpp) and expressions (expressions.cpp), and what they share.
#pragma once
#include <initializer_list>

#include "data/template/jinja/parser.h"

namespace hone::data::jinja {

using Names = std::initializer_list<std::string_view>;

class ExpressionParser {
 protected:
  ExpressionParser(std::string_view source, int depth, Tree& tree)
      : tokens_(tokens_of(source)), deepest_(depth), tree_(tree) {}

  const Token& now() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void skip(size_t count = 1) { at_ = std::min(at_ + count, tokens_.size() - 1); }
  bool take_op(std::string_view op);
  bool take_name(std::string_view name);
  void expect_op(std::string_view op);
  void expect(TokenType type);
  std::string expect_name();
  [[noreturn]] void wrong(const std::string& what, int line = 0) const;

  // How deep the parser is, and the tree that it made.
  struct Nested {
    explicit Nested(ExpressionParser& parser);
    ~Nested() { --parser.nested_; }
    ExpressionParser& parser;
  };
  template <class N>
  void grew(N& node, int depth) const {
    if (depth + 1 > node.depth) node.depth = depth + 1;
    if (node.depth > kDeepestTree * deepest_) wrong("an expression nested too deep");
  }

  Node make(Expression::Kind kind, int line, Node a = {}, Node b = {}, Node c = {});
  void add(Expression& parent, Node child);
  Node expression(bool conditional = true);
  Node tuple(bool conditional = true, bool parentheses = false);
  Node target(bool name_only = false, bool members = false);
  Node primary(bool members = false);
  Node postfix(Node node);
  Node filters(Node node);  // `| name`, any number of them
  Node filter(Node node);   // behind the |
  void arguments(Expression& call);
  Value name_value(const std::string& name);

 private:
  static constexpr int kDeepestTree = 5;
  Node conditional();
  Node disjunction();
  Node conjunction();
  Node negation();
  Node comparison();
  Node sum();
  Node concatenation();
  Node product();
  Node power();
  Node unary(bool with_filter = true);
  Node filter_expression(Node node);
  Node list();
  Node dict();
  Node subscript(Node node);
  Node subscripted(Node node);
  Node test(Node node);
  Node simple_tuple(bool members);
  bool tuple_ends() const;
  void mark_stored(Expression& node);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  const int deepest_;
  int nested_ = 0;

 protected:
  Tree& tree_;
};

}  // namespace hone::data::jinja
