// str(), repr() and escaping.
#include "data/template/jinja/characters.h"
#include "data/template/jinja/interpreter.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

void append_repr(Runtime& runtime, TextBuilder& out, const Value& value);

void append_quoted(Runtime& runtime, TextBuilder& out, const Text& text) {
  const std::string_view bytes = text.bytes();
  runtime.step_bytes(8 * bytes.size());
  const bool doubled = bytes.find('\'') != std::string_view::npos && bytes.find('"') == std::string_view::npos;
  const char quote = doubled ? '"' : '\'';
  out.append(std::string_view(&quote, 1));
  size_t plain = 0;  // from here on nothing is written yet
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = code_point_at(bytes, at);
    std::string instead;
    switch (point.value) {
      case '\\':
        instead = "\\\\";
        break;
      case '\n':
        instead = "\\n";
        break;
      case '\r':
        instead = "\\r";
        break;
      case '\t':
        instead = "\\t";
        break;
      default:
        if (point.value == char32_t(quote))
          instead = std::string("\\") + quote;
        else if (!is_printable(point.value))
          instead = escaped_point(point.value);
    }
    if (!instead.empty()) {
      out.append(text, plain, at);
      out.append(instead, text.origin_at(at));
      plain = at + point.length;
    }
    at += point.length;
  }
  out.append(text, plain, bytes.size());
  out.append(std::string_view(&quote, 1));
}

void append_items(Runtime& runtime, TextBuilder& out, const std::vector<Value>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i) out.append(", ");
    append_repr(runtime, out, items[i]);
  }
}

void append_dict(Runtime& runtime, TextBuilder& out, const Dict& dict) {
  out.append("{");
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) out.append(", ");
    first = false;
    append_repr(runtime, out, key);
    out.append(": ");
    append_repr(runtime, out, value);
  }
  out.append("}");
}

void append_view(Runtime& runtime, TextBuilder& out, const Value& value) {
  const auto kind = value.as<DictView>().kind;
  out.append(kind == DictView::keys ? "dict_keys([" : kind == DictView::values ? "dict_values([" : "dict_items([");
  append_items(runtime, out, collect(runtime, value));
  out.append("])");
}

void append_repr(Runtime& runtime, TextBuilder& out, const Value& value) {
  runtime.step();
  const Deeper deeper(runtime);
  switch (value.type()) {
    case Type::missing:
    case Type::undefined:
      return out.append("Undefined");
    case Type::none:
      return out.append("None");
    case Type::boolean:
      return out.append(value.as_boolean() ? "True" : "False");
    case Type::integer:
      return out.append(std::to_string(value.as_integer()));
    case Type::floating:
      return out.append(float_repr(value.as_floating()));
    case Type::string: {
      const bool markup = value.as<String>().markup;
      if (markup) out.append("Markup(");
      append_quoted(runtime, out, value.text());
      if (markup) out.append(")");
      return;
    }
    case Type::list:
      out.append("[");
      append_items(runtime, out, value.items());
      return out.append("]");
    case Type::tuple:
      out.append("(");
      append_items(runtime, out, value.items());
      return out.append(value.items().size() == 1 ? ",)" : ")");
    case Type::dict:
      return append_dict(runtime, out, value.as<Dict>());
    case Type::view:
      return append_view(runtime, out, value);
    case Type::range: {
      const auto& range = value.as<IntegerRange>();
      out.append("range(" + std::to_string(range.start) + ", " + std::to_string(range.stop));
      if (range.step != 1) out.append(", " + std::to_string(range.step));
      return out.append(")");
    }
    case Type::name_space:
      out.append("<Namespace ");
      append_dict(runtime, out, value.as<Namespace>().attributes);
      return out.append(">");
    case Type::loop: {
      auto& loop = value.as<Loop>();
      return out.append("<LoopContext " + std::to_string(loop.index0 + 1) + "/" +
                        std::to_string(loop.attribute(runtime, "length").as_integer()) + ">");
    }
    case Type::function:
      return out.append(value.as<Callable>().repr());
    case Type::iterator:
      return out.append("<iterator>");
    case Type::cycler:
      return out.append("<cycler>");
    case Type::activation:
      return;
  }
}

}  // namespace

void append_str(Runtime& runtime, TextBuilder& out, const Value& value) {
  if (value.is(Type::string)) {
    runtime.step_bytes(value.text().size());
    out.append(value.text());
  } else if (!value.is(Type::undefined)) {
    append_repr(runtime, out, value);
  }
}

Text str(Runtime& runtime, const Value& value) {
  if (value.is(Type::string)) return value.text();
  TextBuilder out = builder(runtime);
  append_str(runtime, out, value);
  return out.take();
}

Text repr(Runtime& runtime, const Value& value) {
  TextBuilder out = builder(runtime);
  append_repr(runtime, out, value);
  return out.take();
}

Text escaped(Runtime& runtime, const Text& text) {
  runtime.step_bytes(4 * text.size());
  TextBuilder out = builder(runtime);
  const std::string_view bytes = text.bytes();
  size_t plain = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const char c = bytes[at];
    const char* instead = c == '&'    ? "&amp;"
                          : c == '<'  ? "&lt;"
                          : c == '>'  ? "&gt;"
                          : c == '"'  ? "&#34;"
                          : c == '\'' ? "&#39;"
                                      : nullptr;
    if (!instead) continue;
    out.append(text, plain, at);
    out.append(instead, text.origin_at(at));
    plain = at + 1;
  }
  out.append(text, plain, bytes.size());
  return out.take();
}

}  // namespace hone::data::jinja
