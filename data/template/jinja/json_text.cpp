// tojson: json.dumps as transformers calls it.
#include <cmath>

#include "data/template/jinja/characters.h"
#include "data/template/jinja/runtime.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

class JsonWriter {
 public:
  // `options`: value, ensure_ascii, indent, separators, sort_keys
  JsonWriter(Runtime& runtime, const Bound& options) : runtime_(runtime), out_(builder(runtime)) {
    ascii_ = flag(options, 1);
    sorted_ = flag(options, 4);
    if (options.given(2) && !options[2].is(Type::none)) {
      indented_ = true;
      if (options[2].is(Type::string)) {
        indent_ = options[2].text();
      } else {
        const int64_t width = std::max<int64_t>(0, whole_number(options[2], "indent"));
        if (width > 1024) throw Problem("tojson: indent is more than 1024");
        indent_ = Text(std::string(size_t(width), ' '));
      }
    }
    comma_ = Text(indented_ ? "," : ", "), colon_ = Text(": ");
    if (options.given(3) && !options[3].is(Type::none)) {
      const std::vector<Value> pair = collect(runtime, options[3]);
      if (pair.size() != 2) throw Problem("tojson: separators are two strings");
      comma_ = text_of(pair[0], "a separator"), colon_ = text_of(pair[1], "a separator");
    }
  }

  Text write(const Value& value) {
    append(value);
    return out_.take();
  }

 private:
  void line() {
    if (!indented_) return;
    runtime_.step_bytes(size_t(level_) * indent_.size());
    out_.append("\n");
    out_.append(size_t(level_), indent_);
  }

  void append(const Value& value) {
    runtime_.step();
    const Deeper deeper(runtime_);
    switch (value.type()) {
      case Type::none:
        return out_.append("null");
      case Type::boolean:
        return out_.append(value.as_boolean() ? "true" : "false");
      case Type::integer:
        return out_.append(std::to_string(value.as_integer()));
      case Type::floating:
        return out_.append(number(value.as_floating()));
      case Type::string:
        return quoted(value.text());
      case Type::list:
      case Type::tuple:
        return list(value.items());
      case Type::dict:
        return dict(value.as<Dict>());
      default:
        type_problem("there is no JSON for", value);
    }
  }

  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return float_repr(value);
  }

  void list(const std::vector<Value>& items) {
    if (items.empty()) return out_.append("[]");
    out_.append("[");
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i) out_.append(comma_);
      line();
      append(items[i]);
    }
    --level_;
    line();
    out_.append("]");
  }

  void dict(const Dict& dict) {
    if (dict.entries().empty()) return out_.append("{}");
    std::vector<std::pair<Value, Value>> entries = dict.entries();
    if (sorted_) sort_values(runtime_, entries, false);
    out_.append("{");
    ++level_;
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!first) out_.append(comma_);
      first = false;
      line();
      switch (key.type()) {
        case Type::string:
          quoted(key.text());
          break;
        case Type::none:
          out_.append("\"null\"");
          break;
        case Type::boolean:
          out_.append(key.as_boolean() ? "\"true\"" : "\"false\"");
          break;
        case Type::integer:
          out_.append("\"" + std::to_string(key.as_integer()) + "\"");
          break;
        case Type::floating:
          out_.append("\"" + number(key.as_floating()) + "\"");
          break;
        default:
          type_problem("a key in JSON cannot be", key);
      }
      out_.append(colon_);
      append(value);
    }
    --level_;
    line();
    out_.append("}");
  }

  void quoted(const Text& text) {
    const std::string_view bytes = text.bytes();
    runtime_.step_bytes(4 * bytes.size());
    out_.append("\"");
    size_t plain = 0;
    for (size_t at = 0; at < bytes.size();) {
      const CodePoint point = code_point_at(bytes, at);
      const std::string instead = replacement(point.value);
      if (!instead.empty()) {
        out_.append(text, plain, at);
        out_.append(instead, text.origin_at(at));
        plain = at + point.length;
      }
      at += point.length;
    }
    out_.append(text, plain, bytes.size());
    out_.append("\"");
  }

  static std::string unit(char32_t code) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string text = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) text += kHex[code >> shift & 15];
    return text;
  }
  std::string replacement(char32_t point) const {
    switch (point) {
      case '"':
        return "\\\"";
      case '\\':
        return "\\\\";
      case '\n':
        return "\\n";
      case '\r':
        return "\\r";
      case '\t':
        return "\\t";
      case '\f':
        return "\\f";
      case '\b':
        return "\\b";
      default:
        break;
    }
    if (point < 0x20) return unit(point);
    if (!ascii_ || point < 0x7F) return {};
    if (point == 0x7F) return {};
    if (point < 0x10000) return unit(point);
    point -= 0x10000;
    return unit(0xD800 + (point >> 10)) + unit(0xDC00 + (point & 0x3FF));
  }

  Runtime& runtime_;
  TextBuilder out_;
  bool ascii_ = false, sorted_ = false, indented_ = false;
  int level_ = 0;
  Text indent_, comma_, colon_;
};

}  // namespace

Text to_json(Runtime& runtime, const Value& value, const Bound& options) {
  return JsonWriter(runtime, options).write(value);
}

}  // namespace hone::data::jinja
