// 'a %s' % b and 'a {}'.format(b): Python's two ways to put values into a text.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "data/template/jinja/characters.h"
#include "data/template/jinja/number_format.h"
#include "data/template/jinja/runtime.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

// ascii(): repr() with escapes for all that is not ASCII.
Text ascii_repr(Runtime& runtime, const Value& value) {
  const Text text = repr(runtime, value);
  TextBuilder out = builder(runtime);
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text.bytes(), at);
    if (point.value < 0x80)
      out.append(text, at, at + 1);
    else
      out.append(escaped_point(point.value), text.origin_at(at));
    at += point.length;
  }
  return out.take();
}

class Percent {
 public:
  Percent(Runtime& runtime, const Text& format, const Value& arguments)
      : runtime_(runtime), format_(format), text_(format.bytes()), arguments_(arguments), out_(builder(runtime)) {}

  Text run() {
    runtime_.step_bytes(2 * text_.size());
    while (at_ < text_.size()) {
      const size_t percent = std::min(text_.find('%', at_), text_.size());
      out_.append(format_, at_, percent);
      at_ = percent + 1;
      if (percent < text_.size()) directive();
    }
    const bool mapping = !arguments_.is(Type::tuple) && !arguments_.is(Type::string) &&
                         (arguments_.is(Type::dict) || arguments_.is(Type::list) || arguments_.is(Type::range) ||
                          arguments_.is(Type::undefined));
    if (!mapping && used_ < count()) throw Problem("%: not all arguments are used");
    return out_.take();
  }

 private:
  size_t count() const { return arguments_.is(Type::tuple) ? arguments_.items().size() : 1; }
  Value argument() {
    if (named_.given()) return named_;
    if (used_ >= count()) throw Problem("%: fewer arguments than the format has places");
    ++used_;
    return arguments_.is(Type::tuple) ? arguments_.items()[used_ - 1] : arguments_;
  }
  char next() {
    if (at_ >= text_.size()) throw Problem("%: a format that is not complete");
    return text_[at_++];
  }
  int64_t number() {
    if (at_ < text_.size() && text_[at_] == '*') {
      ++at_;
      return whole_number(argument(), "a width");
    }
    int64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if ((value = value * 10 + (text_[at_] - '0')) > int64_t(runtime_.output))
        throw Problem("%: a width that is too large");
    return value;
  }

  void directive() {
    runtime_.step();
    named_ = Value();
    if (at_ < text_.size() && text_[at_] == '%') {  // "%5%" is none
      ++at_;
      return out_.append("%");
    }
    if (at_ < text_.size() && text_[at_] == '(') {
      int open = 1;
      const size_t begin = ++at_;
      while (open > 0) {
        const char c = next();
        open += c == '(' ? 1 : c == ')' ? -1 : 0;
      }
      if (!arguments_.is(Type::dict)) throw Problem("%: a name in the format needs a dict");
      const Value* found = arguments_.as<Dict>().find(text_.substr(begin, at_ - 1 - begin));
      if (!found) throw Problem("%: the dict has no such key");
      named_ = *found;
      used_ = 1;
    }
    NumberFormat format;
    bool left = false, zero = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '-')
        left = true;
      else if (c == '+')
        format.sign = '+';
      else if (c == ' ')
        format.sign = format.sign == '+' ? '+' : ' ';
      else if (c == '#')
        format.alternate = true;
      else if (c == '0')
        zero = true;
      else
        break;
    }
    int64_t width = number();
    if (width < 0) left = true, width = -width;
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      format.precision = int(std::clamp<int64_t>(number(), 0, INT32_MAX));
    }
    if (at_ < text_.size() && (text_[at_] == 'l' || text_[at_] == 'h' || text_[at_] == 'L')) ++at_;
    const char type = next();
    const Text value = converted(type, format, zero && !left, width);
    const Text space(" ");
    const int64_t missing = std::max<int64_t>(0, width - value.length());
    if (missing > int64_t(runtime_.output)) throw Problem("%: a width that is too large");
    runtime_.step_bytes(4 * size_t(missing));
    if (!left) out_.append(size_t(missing), space);
    out_.append(value);
    if (left) out_.append(size_t(missing), space);
  }

  Text converted(char type, NumberFormat format, bool zeros, int64_t width) {
    const Value value = argument();
    switch (type) {
      case 's':
      case 'r':
      case 'a': {
        const Text text = type == 's'   ? str(runtime_, value)
                          : type == 'r' ? repr(runtime_, value)
                                        : ascii_repr(runtime_, value);
        if (format.precision < 0 || text.length() <= format.precision) return text;
        TextBuilder cut = builder(runtime_);
        cut.append(text, 0, text.offset(format.precision));
        return cut.take();
      }
      case 'c': {
        if (value.is(Type::string) && value.text().length() == 1) return value.text();
        const int64_t code = whole_number(value, "%c");
        if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) throw Problem("%c: no such character");
        std::string bytes;
        append_utf8(bytes, char32_t(code));
        return Text(bytes);
      }
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o': {
        if (!value.number()) type_problem("%: expected a number, got", value);
        if (type != 'd' && type != 'i' && type != 'u' && !value.whole())
          type_problem("%: expected a whole number, got", value);
        const double number = value.as_floating();
        if (value.is(Type::floating) && !(std::fabs(number) < 9e18))
          throw Problem("a whole number of more than 64 bits");
        format.type = type == 'i' || type == 'u' ? 'd' : type;
        format.zeros = zeros ? width : 0;
        format.limit = runtime_.output;
        return Text(formatted(value.whole() ? value.as_integer() : int64_t(number), format));
      }
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (!value.number()) type_problem("%: expected a number, got", value);
        format.type = type;
        if (format.precision < 0) format.precision = 6;
        format.zeros = zeros ? width : 0;
        format.limit = runtime_.output;
        return Text(formatted(value.as_floating(), format));
      default:
        throw Problem("%: an unknown format character");
    }
  }

  Runtime& runtime_;
  const Text& format_;
  const std::string_view text_;
  const Value& arguments_;
  Value named_;
  TextBuilder out_;
  size_t at_ = 0, used_ = 0;
};

class Braces {
 public:
  Braces(Runtime& runtime, const Arguments& arguments) : runtime_(runtime), arguments_(arguments) {}

  Text run(const Text& format, int depth) {
    const std::string_view text = format.bytes();
    runtime_.step_bytes(2 * text.size());
    TextBuilder out = builder(runtime_);
    for (size_t at = 0; at < text.size();) {
      const size_t brace = std::min(text.find_first_of("{}", at), text.size());
      out.append(format, at, brace);
      at = brace;
      if (at >= text.size()) break;
      const bool doubled = at + 1 < text.size() && text[at + 1] == text[at];
      if (doubled) {
        out.append(format, at, at + 1);
        at += 2;
      } else if (text[at] == '}') {
        throw Problem("format(): a single '}'");
      } else {
        at = field(format, at + 1, out, depth);
      }
    }
    return out.take();
  }

 private:
  // {name!conversion:specification}, from behind its brace; returns where the text goes on.
  size_t field(const Text& format, size_t begin, TextBuilder& out, int depth) {
    if (depth > 1) throw Problem("format(): fields nested too deep");
    const std::string_view text = format.bytes();
    int open = 1;
    size_t end = begin;
    for (; end < text.size(); ++end) {
      open += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
      if (open == 0) break;
    }
    if (open != 0) throw Problem("format(): '{' without '}'");
    // A bracket hides what ends a name.
    size_t name_end = begin;
    bool bracket = false;
    for (; name_end < end; ++name_end) {
      const char c = text[name_end];
      if (c == '{') throw Problem("format(): '{' in a field's name");
      if (c == '[') bracket = true;
      if (c == ']') bracket = false;
      if (!bracket && (c == '!' || c == ':')) break;
    }
    Value value = named(text.substr(begin, name_end - begin));
    size_t at = name_end;
    if (at < end && text[at] == '!') {
      const char conversion = at + 1 < end ? text[at + 1] : '\0';
      at += 2;
      if (conversion == 's')
        value = runtime_.heap.text(str(runtime_, value));
      else if (conversion == 'r')
        value = runtime_.heap.text(repr(runtime_, value));
      else if (conversion == 'a')
        value = runtime_.heap.text(ascii_repr(runtime_, value));
      else
        throw Problem("format(): an unknown conversion");
      if (at < end && text[at] != ':') throw Problem("format(): expected ':' behind a conversion");
    }
    Text specification;
    if (at < end) {
      TextBuilder part = builder(runtime_);
      part.append(format, at + 1, end);
      specification = run(part.take(), depth + 1);
    }
    out.append(apply(value, specification));
    return end + 1;
  }

  Value named(std::string_view name) {
    const size_t first = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, first), first == name.size());
    for (size_t at = first; at < name.size();) {
      if (name[at] == '.') {
        const size_t end = std::min(name.find_first_of(".[", at + 1), name.size());
        if (end == at + 1) throw Problem("format(): an empty attribute");
        value = get_attribute(runtime_, value, runtime_.heap.text(std::string(name.substr(at + 1, end - at - 1))));
        at = end;
      } else if (name[at] == '[') {
        const size_t end = name.find(']', at);
        if (end == std::string_view::npos || end == at + 1) throw Problem("format(): '[' without a key and ']'");
        const std::string_view key = name.substr(at + 1, end - at - 1);
        value = get_item(
            runtime_, value,
            digits(key) ? Value::integer(python_integer(key, 10).value_or(0)) : runtime_.heap.text(std::string(key)));
        at = end + 1;
      } else {
        throw Problem("format(): expected '.' or '[' behind ']'");
      }
    }
    return value;
  }
  static bool digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  }
  // As the sandbox's formatter: {.x} has no number of its own, {0.x} may stand beside {}.
  Value argument(std::string_view name, bool whole) {
    if (digits(name) || (name.empty() && whole)) {
      const bool automatic = name.empty();
      if (whole && numbered_ && *numbered_ == automatic) throw Problem("format(): fields with and without numbers");
      if (whole) numbered_ = !automatic;
      const size_t at = automatic ? next_++ : size_t(python_integer(name, 10).value_or(0));
      if (at >= arguments_.positional.size()) throw Problem("format(): fewer arguments than fields");
      return arguments_.positional[at];
    }
    for (const auto& [key, value] : arguments_.named)
      if (key.is(Type::string) && key.text().bytes() == name) return value;
    throw Problem("format(): no argument has a field's name");
  }

  Text apply(const Value& value, const Text& specification) {
    if (specification.empty()) return str(runtime_, value);
    const Specification spec = read_specification(specification, runtime_.output);
    if (value.is(Type::string)) return aligned(text_field(value.text(), spec), spec, '<');
    if (!value.number()) type_problem("format(): no specification is known for", value);
    if (value.is(Type::boolean) && spec.number.type == '\0' && !spec.number.grouping && spec.number.sign == '-')
      return aligned(Text(std::to_string(value.as_integer())), spec, '>');
    NumberFormat number = spec.number;
    number.zeros = spec.align == '=' && spec.fill.bytes() == "0" ? spec.width : 0;
    number.limit = runtime_.output;
    static constexpr std::string_view kFloating = "eEfFgG%";
    const bool floating =
        value.is(Type::floating) || (number.type && kFloating.find(number.type) != std::string_view::npos);
    if (!floating) {
      if (number.precision >= 0) throw Problem("format(): a whole number has no precision");
      if (number.type == 'c') throw Problem("format(): c is not known");
      return aligned(Text(formatted(value.as_integer(), number)), spec, '>');
    }
    return aligned(Text(formatted(value.as_floating(), number)), spec, '>');
  }

  Text text_field(const Text& text, const Specification& spec) {
    if ((spec.number.type && spec.number.type != 's') || spec.signed_ || spec.number.alternate ||
        spec.number.grouping || spec.align == '=')
      throw Problem("format(): a specification that is not for strings");
    if (spec.number.precision < 0 || text.length() <= spec.number.precision) return text;
    TextBuilder cut = builder(runtime_);
    cut.append(text, 0, text.offset(spec.number.precision));
    return cut.take();
  }

  Text aligned(const Text& text, const Specification& spec, char otherwise) {
    const int64_t missing = spec.width - text.length();
    if (missing <= 0) return text;
    const char align = spec.align ? spec.align : otherwise;
    const int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
    TextBuilder out = builder(runtime_);
    runtime_.step_bytes(4 * size_t(missing));
    const bool sign =
        align == '=' && !text.empty() && (text.bytes()[0] == '-' || text.bytes()[0] == '+' || text.bytes()[0] == ' ');
    if (sign) out.append(text, 0, 1);
    out.append(size_t(left), spec.fill);
    out.append(text, sign ? 1 : 0, text.size());
    out.append(size_t(missing - left), spec.fill);
    return out.take();
  }

  Runtime& runtime_;
  const Arguments& arguments_;
  size_t next_ = 0;
  std::optional<bool> numbered_;
};

}  // namespace

Text percent_format(Runtime& runtime, const Text& format, const Value& arguments) {
  return Percent(runtime, format, arguments).run();
}
Text brace_format(Runtime& runtime, const Text& format, const Arguments& arguments) {
  return Braces(runtime, arguments).run(format, 0);
}

}  // namespace hone::data::jinja
