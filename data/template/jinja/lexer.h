// A template's text cut into tokens, as jinja2's lexer does it with trim_blocks and lstrip_blocks: a tag takes the
// line's end behind it and the blanks of its line before it; - strips all white space, + keeps it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "data/template/jinja/value.h"

namespace hone::data::jinja {

enum class TokenType : uint8_t {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  floating,
  op,
  end
};

struct Token {
  TokenType type;
  int line;
  std::string text;  // of data, name, string, op
  int64_t integer = 0;
  double floating = 0;
  bool is(TokenType t) const { return type == t; }
  bool is_op(std::string_view op) const { return type == TokenType::op && text == op; }
  bool is_name(std::string_view name) const { return type == TokenType::name && text == name; }
};

// What is wrong with a template's text, and where.
struct SyntaxProblem : Problem {
  SyntaxProblem(int line, const std::string& what) : Problem(what), line(line) {}
  int line;
};

std::vector<Token> tokens_of(std::string_view source);  // valid UTF-8; the last one is `end`
std::string described(const Token& token);              // for messages

}  // namespace hone::data::jinja
