#include "data/template/jinja/lexer.h"

#include <algorithm>
#include <charconv>

#include "data/template/jinja/characters.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// Lines end with \n alone, and the template's last line end is not part of it.
std::string normal_lines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
      continue;
    }
    text += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normal_lines(source)), text_(source_) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) root();
    add(TokenType::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const { throw SyntaxProblem(line_, what); }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool here(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  void add(TokenType type, std::string text) { tokens_.push_back({type, line_, std::move(text)}); }

  void advance(size_t to) {
    line_ += int(std::count(text_.begin() + long(at_), text_.begin() + long(to), '\n'));
    if (to > at_) line_starting_ = text_[to - 1] == '\n';
    at_ = to;
  }
  size_t after_white(size_t at) const {
    while (at < text_.size()) {
      const CodePoint point = code_point_at(text_, at);
      if (!is_python_space(point.value)) break;
      at += point.length;
    }
    return at;
  }

  // Text before a tag whose sign is `sign`; where the tag is not {{ … }}, blanks at the line's beginning go.
  void data(size_t begin, size_t end, char sign, bool strips_line) {
    std::string_view text = text_.substr(begin, end - begin);
    if (sign == '-') {
      while (!text.empty()) {
        const CodePoint point = code_point_before(text, text.size());
        if (!is_python_space(point.value)) break;
        text.remove_suffix(point.length);
      }
    } else if (sign != '+' && strips_line) {
      const size_t line_end = text.rfind('\n');
      const size_t line = line_end == std::string_view::npos ? 0 : line_end + 1;
      if ((line > 0 || line_starting_) && line < text.size() && after_white(begin + line) >= end)
        text = text.substr(0, line);
    }
    if (!text.empty()) add(TokenType::data, std::string(text));
    advance(end);
  }

  static char sign_of(char c) { return c == '-' || c == '+' ? c : '\0'; }

  // The end of `{% raw %}` that begins at `at`, or npos.
  size_t raw_begin(size_t at) const {
    size_t p = at + 2;
    if (p < text_.size() && sign_of(text_[p])) ++p;
    p = after_white(p);
    if (!text_.substr(p).starts_with("raw")) return std::string_view::npos;
    p = after_white(p + 3);
    if (text_.substr(p).starts_with("-%}")) return after_white(p + 3);
    return text_.substr(p).starts_with("%}") ? p + 2 : std::string_view::npos;
  }
  size_t raw_end(size_t at) const {
    size_t p = at + 2;
    if (p < text_.size() && sign_of(text_[p])) ++p;
    p = after_white(p);
    if (!text_.substr(p).starts_with("endraw")) return std::string_view::npos;
    return tag_end(after_white(p + 6), "%}", true);
  }
  // The end of the tag's end at `at`, or npos.
  size_t tag_end(size_t at, std::string_view end, bool block) const {
    const std::string_view rest = text_.substr(at);
    if (rest.starts_with('-') && rest.substr(1).starts_with(end)) return after_white(at + 1 + end.size());
    if (block && rest.starts_with('+') && rest.substr(1).starts_with(end)) return at + 1 + end.size();
    if (!rest.starts_with(end)) return std::string_view::npos;
    at += end.size();
    return block && at < text_.size() && text_[at] == '\n' ? at + 1 : at;
  }

  void root() {
    size_t tag = at_;
    for (;; ++tag) {
      tag = text_.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= text_.size()) {
        add(TokenType::data, std::string(text_.substr(at_)));
        return advance(text_.size());
      }
      if (text_[tag + 1] == '{' || text_[tag + 1] == '%' || text_[tag + 1] == '#') break;
    }
    const char kind = text_[tag + 1];
    const char sign = tag + 2 < text_.size() ? sign_of(text_[tag + 2]) : '\0';
    data(at_, tag, sign, kind != '{');
    if (kind == '%') {
      const size_t raw = raw_begin(tag);
      if (raw != std::string_view::npos) {
        advance(raw);
        return raw_body();
      }
    }
    if (kind != '#') add(kind == '{' ? TokenType::variable_begin : TokenType::block_begin, "");
    advance(tag + (sign ? 3 : 2));
    if (kind == '#')
      comment();
    else
      tag_body(kind == '%');
  }

  void comment() {
    if (at_ == text_.size()) return;  // jinja2 misses the end of what has begun
    for (size_t p = at_; p < text_.size(); ++p) {
      p = text_.find('#', p);
      if (p == std::string_view::npos) break;
      if (p + 1 < text_.size() && text_[p + 1] == '}') {
        const char sign = p > at_ ? sign_of(text_[p - 1]) : '\0';
        return advance(tag_end(sign ? p - 1 : p, "#}", true));
      }
    }
    wrong("a comment without its end, #}");
  }

  void raw_body() {
    if (at_ == text_.size()) return;
    for (size_t p = at_; p < text_.size(); ++p) {
      p = text_.find("{%", p);
      if (p == std::string_view::npos) break;
      const size_t end = raw_end(p);
      if (end == std::string_view::npos) continue;
      data(at_, p, sign_of(text_[p + 2]), true);
      return advance(end);
    }
    wrong("{% raw %} without its end, {% endraw %}");
  }

  void tag_body(bool block) {
    std::string open;  // what closes the brackets that are open
    while (at_ < text_.size()) {
      if (open.empty()) {
        const size_t end = tag_end(at_, block ? "%}" : "}}", block);
        if (end != std::string_view::npos) {
          add(block ? TokenType::block_end : TokenType::variable_end, "");
          return advance(end);
        }
      }
      const size_t white = after_white(at_);
      if (white > at_)
        advance(white);
      else if (!number() && !name() && !string())
        op(open);
    }
    // The parser says what is missing.
  }

  // (digits_)*digits from `p`; npos where there are none.
  size_t digits(size_t p) const {
    size_t end = std::string_view::npos;
    while (p < text_.size() && digit(text_[p])) {
      while (p < text_.size() && digit(text_[p])) ++p;
      end = p;
      if (p < text_.size() && text_[p] == '_') ++p;
    }
    return end;
  }

  bool number() {
    if (!digit(peek())) return false;
    if ((at_ == 0 || text_[at_ - 1] != '.') && floating()) return true;
    int base = 10;
    size_t p = at_;
    if (peek() == '0') {
      const char mark = char(peek(1) | 0x20);
      const int other = mark == 'b' ? 2 : mark == 'o' ? 8 : mark == 'x' ? 16 : 10;
      const auto of_base = [&](size_t i) {
        const char c = i < text_.size() ? text_[i] : '\0';
        const char low = char(c | 0x20);
        return other == 16 ? digit(c) || (low >= 'a' && low <= 'f') : c >= '0' && c < '0' + other;
      };
      const auto run = [&](size_t i) {  // (_?digit)+
        for (;;) {
          const size_t next = i < text_.size() && text_[i] == '_' ? i + 1 : i;
          if (!of_base(next)) return i;
          i = next + 1;
        }
      };
      if (other != 10 && run(at_ + 2) > at_ + 2) {
        base = other, p = run(at_ + 2);
      } else {
        p = at_ + 1;
        while (p < text_.size() &&
               (text_[p] == '0' || (text_[p] == '_' && p + 1 < text_.size() && text_[p + 1] == '0')))
          ++p;
      }
    } else {
      p = digits(at_);
    }
    std::string plain(text_.substr(at_ + (base == 10 ? 0 : 2), p - at_ - (base == 10 ? 0 : 2)));
    std::erase(plain, '_');
    Token token{TokenType::integer, line_, {}};
    if (std::from_chars(plain.data(), plain.data() + plain.size(), token.integer, base).ec != std::errc())
      wrong("a whole number of more than 64 bits");
    tokens_.push_back(std::move(token));
    advance(p);
    return true;
  }

  bool floating() {
    size_t p = digits(at_);
    bool fraction = false, exponent = false;
    if (p < text_.size() && text_[p] == '.') {
      const size_t end = digits(p + 1);
      if (end != std::string_view::npos) fraction = true, p = end;
    }
    if (p < text_.size() && (text_[p] | 0x20) == 'e') {
      size_t e = p + 1;
      if (e < text_.size() && sign_of(text_[e])) ++e;
      const size_t end = digits(e);
      if (end != std::string_view::npos) exponent = true, p = end;
    }
    if (!fraction && !exponent) return false;
    std::string plain(text_.substr(at_, p - at_));
    std::erase(plain, '_');
    Token token{TokenType::floating, line_, {}};
    token.floating = *python_float(plain);
    tokens_.push_back(std::move(token));
    advance(p);
    return true;
  }

  bool name() {
    size_t p = at_;
    while (p < text_.size()) {
      const CodePoint point = code_point_at(text_, p);
      if (point.value < 0x80 ? !letter(text_[p]) && !digit(text_[p]) : !is_word(point.value)) break;
      p += point.length;
    }
    if (p == at_) return false;
    add(TokenType::name, std::string(text_.substr(at_, p - at_)));
    advance(p);
    return true;
  }

  bool string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return false;
    size_t p = at_ + 1;
    while (p < text_.size() && text_[p] != quote) p += text_[p] == '\\' ? 2 : 1;
    if (p >= text_.size()) wrong("a string without its closing quote");
    add(TokenType::string, unescaped(text_.substr(at_ + 1, p - at_ - 1)));
    advance(p + 1);
    return true;
  }

  std::string unescaped(std::string_view body) const {
    std::string out;
    for (size_t i = 0; i < body.size(); ++i) {
      if (body[i] != '\\') {
        out += body[i];
        continue;
      }
      const char c = body[++i];
      const auto coded = [&](size_t count) {
        char32_t point = 0;
        const std::string_view hex = body.substr(i + 1, count);
        const auto read = std::from_chars(hex.data(), hex.data() + hex.size(), reinterpret_cast<uint32_t&>(point), 16);
        if (hex.size() < count || read.ptr != hex.data() + count)
          wrong("\\" + std::string(1, c) + " without its digits");
        if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) wrong("an escape that is no character");
        append_utf8(out, point);
        i += count;
      };
      switch (c) {
        case '\n':
          break;
        case 'a':
          out += '\a';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'n':
          out += '\n';
          break;
        case 'r':
          out += '\r';
          break;
        case 't':
          out += '\t';
          break;
        case 'v':
          out += '\v';
          break;
        case '\\':
        case '\'':
        case '"':
          out += c;
          break;
        case 'x':
          coded(2);
          break;
        case 'u':
          coded(4);
          break;
        case 'U':
          coded(8);
          break;
        case 'N':
          wrong("\\N{…}: characters by name are not known, write \\u and their number");
        default:
          if (c >= '0' && c <= '7') {
            char32_t point = 0;
            size_t end = i;
            for (; end < body.size() && end < i + 3 && body[end] >= '0' && body[end] <= '7'; ++end)
              point = point * 8 + char32_t(body[end] - '0');
            append_utf8(out, point);
            i = end - 1;
          } else if (static_cast<unsigned char>(c) < 0x80) {
            out += '\\', out += c;
          } else {
            // Python escapes what is not ASCII first, so that the backslash is taken for the escape's own.
            const CodePoint point = code_point_at(body, i);
            out += '\\' + escaped_point(point.value).substr(1);
            i += point.length - 1;
          }
      }
    }
    return out;
  }

  void op(std::string& open) {
    for (const std::string_view two : {"//", "**", "==", "!=", ">=", "<="})
      if (here(two)) return add(TokenType::op, std::string(two)), advance(at_ + 2);
    const char c = peek();
    if (std::string_view("+-/*%~[](){}><=.:|,;").find(c) == std::string_view::npos || c == '\0')
      wrong("unexpected character '" + excerpt(text_.substr(at_, code_point_at(text_, at_).length)) + "'");
    if (c == '{') open += '}';
    if (c == '(') open += ')';
    if (c == '[') open += ']';
    if (c == '}' || c == ')' || c == ']') {
      if (open.empty()) wrong("unexpected '" + std::string(1, c) + "'");
      if (open.back() != c) wrong("unexpected '" + std::string(1, c) + "', expected '" + open.back() + "'");
      open.pop_back();
    }
    add(TokenType::op, std::string(1, c));
    advance(at_ + 1);
  }

  const std::string source_;
  const std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokens_of(std::string_view source) { return Lexer(source).run(); }

std::string described(const Token& token) {
  switch (token.type) {
    case TokenType::data:
      return "text";
    case TokenType::variable_begin:
      return "'{{'";
    case TokenType::variable_end:
      return "'}}'";
    case TokenType::block_begin:
      return "'{%'";
    case TokenType::block_end:
      return "'%}'";
    case TokenType::name:
    case TokenType::op:
      return "'" + excerpt(token.text) + "'";
    case TokenType::string:
      return "a string";
    case TokenType::integer:
    case TokenType::floating:
      return "a number";
    case TokenType::end:
      return "the template's end";
  }
  return {};
}

}  // namespace hone::data::jinja
