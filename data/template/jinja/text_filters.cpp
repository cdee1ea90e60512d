// Filters on strings.
#include <algorithm>

#include "data/template/jinja/characters.h"
#include "data/template/jinja/methods.h"
#include "data/template/jinja/strings.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

bool markup(const Value& value) { return value.is(Type::string) && value.as<String>().markup; }

Value escape(Runtime& runtime, Bound& a) {
  return markup(a[0]) ? a[0] : runtime.heap.text(escaped(runtime, str(runtime, a[0])), true);
}

// A word begins behind white space, a hyphen or an opening bracket, unlike str.title()'s.
Value title(Runtime& runtime, Bound& a) {
  const Text text = str(runtime, a[0]);
  const std::string_view bytes = text.bytes();
  runtime.step_bytes(8 * bytes.size());
  const auto between = [&](size_t at) {
    const char32_t point = code_point_at(bytes, at).value;
    return is_python_space(point) ||
           (point < 0x80 && std::string_view("-({[<").find(char(point)) != std::string_view::npos);
  };
  TextBuilder out = builder(runtime);
  for (size_t at = 0; at < bytes.size();) {
    const bool separator = between(at);
    const size_t begin = at, first = at + point_length(bytes[at]);
    while (at < bytes.size() && between(at) == separator) at += point_length(bytes[at]);
    append_case(out, text, begin, first, Case::upper);
    append_case(out, text, first, at, Case::lower);
  }
  return runtime.heap.text(out.take());
}

Value indent(Runtime& runtime, Bound& a) {
  const Text& given = text_of(a[0], "what is indented");
  Text indention;
  if (a.given(1) && a[1].is(Type::string)) {
    indention = a[1].text();
  } else {
    const int64_t width = std::max<int64_t>(0, whole_number(a, 1, "width", 4));
    if (width > int64_t(runtime.output)) throw Problem("indent: the width is too large");
    runtime.step_bytes(size_t(width));
    indention = Text(std::string(size_t(width), ' '));
  }
  const bool first = flag(a, 2), blank = flag(a, 3);
  TextBuilder whole = builder(runtime);
  whole.append(given);
  whole.append("\n");
  const Text text = whole.take();
  runtime.step_bytes(4 * text.size());
  TextBuilder out = builder(runtime);
  bool beginning = true;
  for (const Range& line : lines_of(text.bytes(), false)) {
    if (!beginning) out.append("\n");
    if (beginning ? first : blank || line.begin < line.end) {
      runtime.step(), runtime.step_bytes(indention.size());
      out.append(indention);
    }
    beginning = false;
    out.append(text, line.begin, line.end);
  }
  return runtime.heap.text(out.take());
}

Value truncate(Runtime& runtime, Bound& a) {
  const Text dots("...");
  const Text& end = a.given(3) ? text_of(a[3], "end") : dots;
  const int64_t length = whole_number(a, 1, "length", 255);
  const int64_t leeway = a.given(4) && !a[4].is(Type::none) ? whole_number(a[4], "leeway") : 5;
  if (length < end.length() || leeway < 0)
    throw Problem("truncate: expected a length of at least the end's, and a leeway of 0 or more");
  if (length > (int64_t(1) << 60) || leeway > (int64_t(1) << 60) || jinja::length(runtime, a[0]) <= length + leeway)
    return a[0];
  const Text& text = text_of(a[0], "what is truncated");
  size_t cut = text.offset(length - end.length());
  if (!flag(a, 2)) cut = std::min(cut, text.bytes().substr(0, cut).rfind(' '));
  TextBuilder out = builder(runtime);
  out.append(text, 0, cut);
  out.append(end);
  return runtime.heap.text(out.take());
}

Value word_count(Runtime& runtime, Bound& a) {
  const Text text = str(runtime, a[0]);
  const std::string_view bytes = text.bytes();
  runtime.step_bytes(8 * bytes.size());
  int64_t count = 0;
  bool before = false;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = code_point_at(bytes, at);
    at += point.length;
    const bool word = point.value == '_' || is_alpha(point.value) || is_numeric(point.value);
    count += word && !before;
    before = word;
  }
  return Value::integer(count);
}

void append_quoted(Runtime& runtime, TextBuilder& out, const Text& text, bool query) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  runtime.step_bytes(4 * text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text.bytes()[at]);
    const bool plain = (byte < 0x80 && (std::isalnum(byte) != 0)) ||
                       std::string_view("_.-~").find(char(byte)) != std::string_view::npos || (byte == '/' && !query);
    const std::string quoted = plain                  ? std::string(1, char(byte))
                               : query && byte == ' ' ? "+"
                                                      : std::string("%") + kHex[byte >> 4] + kHex[byte & 15];
    out.append(quoted, text.origin_at(at));
  }
}

Value url_encode(Runtime& runtime, Bound& a) {
  TextBuilder out = builder(runtime);
  const bool single = a[0].is(Type::string) || a[0].number() || a[0].is(Type::none) || a[0].is(Type::name_space) ||
                      a[0].is(Type::function) || a[0].is(Type::cycler);
  if (single) {
    append_quoted(runtime, out, str(runtime, a[0]), false);
    return runtime.heap.text(out.take());
  }
  const auto pair = [&](const Value& key, const Value& value) {
    if (out.size() > 0) out.append("&");
    append_quoted(runtime, out, str(runtime, key), true);
    out.append("=");
    append_quoted(runtime, out, str(runtime, value), true);
  };
  if (a[0].is(Type::dict)) {
    for (const auto& [key, value] : a[0].as<Dict>().entries()) pair(key, value);
  } else {
    each(runtime, a[0], [&](const Value& item) {
      const std::vector<Value> two = collect(runtime, item);
      if (two.size() != 2) throw Problem("urlencode: expected pairs");
      pair(two[0], two[1]);
      return true;
    });
  }
  return runtime.heap.text(out.take());
}

Value format(Runtime& runtime, Bound& a) {
  auto& [positional, named] = a.rest;
  if (!positional.empty() && !named.empty()) throw Problem("format: arguments by place or by name, not both");
  Value arguments;
  if (named.empty()) {
    arguments = runtime.heap.tuple(positional);
  } else {
    auto* dict = runtime.heap.make<Dict>(0);
    arguments = Value(Type::dict, dict);
    for (const auto& [key, value] : named) dict->set(key, value);
  }
  return runtime.heap.text(percent_format(runtime, str(runtime, a[0]), arguments));
}

template <Case to>
Value cased(Runtime& runtime, Bound& a) {
  return in_case(runtime, str(runtime, a[0]), int(to));
}

constexpr Builtin kFilters[] = {
    {"capitalize", "s", cased<Case::capitalize>},
    {"center", "value width?",
     [](Runtime& runtime, Bound& a) {
       return padded(runtime, str(runtime, a[0]), whole_number(a, 1, "width", 80), Text(" "), Side::both);
     }},
    {"e", "s /", escape},
    {"escape", "s /", escape},
    {"forceescape", "value",
     [](Runtime& runtime, Bound& a) { return runtime.heap.text(escaped(runtime, str(runtime, a[0])), true); }},
    {"format", "value *", format},
    {"indent", "s width? first? blank?", indent},
    {"join", "value d? attribute?",
     [](Runtime& runtime, Bound& a) {
       const Text separator = a.given(1) ? str(runtime, a[1]) : Text();
       if (!a.given(2) || a[2].is(Type::none)) return join(runtime, separator, a[0], true);
       std::vector<Value> items;
       each(runtime, a[0], [&](const Value& item) {
         items.push_back(attribute_path(runtime, item, a[2]));
         return true;
       });
       return join(runtime, separator, runtime.heap.list(std::move(items)), true);
     }},
    {"lower", "s", cased<Case::lower>},
    {"replace", "s old new count?",
     [](Runtime& runtime, Bound& a) {
       const int64_t count = a.given(3) && !a[3].is(Type::none) ? whole_number(a[3], "count") : -1;
       return replace(runtime, str(runtime, a[0]), str(runtime, a[1]), str(runtime, a[2]), count);
     }},
    {"safe", "value", [](Runtime& runtime, Bound& a) { return runtime.heap.text(str(runtime, a[0]), true); }},
    {"string", "s",
     [](Runtime& runtime, Bound& a) { return a[0].is(Type::string) ? a[0] : runtime.heap.text(str(runtime, a[0])); }},
    {"title", "s", title},
    {"tojson", "x ensure_ascii? indent? separators? sort_keys?",
     [](Runtime& runtime, Bound& a) { return runtime.heap.text(to_json(runtime, a[0], a)); }},
    {"trim", "value chars?",
     [](Runtime& runtime, Bound& a) {
       const bool all = !a.given(1) || a[1].is(Type::none);
       return strip(runtime, str(runtime, a[0]), all ? nullptr : &text_of(a[1], "chars"), Side::both);
     }},
    {"truncate", "s length? killwords? end? leeway?", truncate},
    {"upper", "s", cased<Case::upper>},
    {"urlencode", "value", url_encode},
    {"wordcount", "s", word_count},
};

}  // namespace

std::span<const Builtin> text_filters() { return kFilters; }

}  // namespace hone::data::jinja
