// The methods of str.
#include <algorithm>
#include <limits>

#include "data/template/jinja/characters.h"
#include "data/template/jinja/methods.h"
#include "data/template/jinja/strings.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {
namespace {

const Text& self(Bound& a) { return a[0].text(); }
const Text* chars(Bound& a) {
  return a.given(1) && !a[1].is(Type::none) ? &text_of(a[1], "what is stripped") : nullptr;
}
template <Side side>
Value strip_method(Runtime& runtime, Bound& a) {
  return strip(runtime, self(a), chars(a), side);
}
template <Case to>
Value case_method(Runtime& runtime, Bound& a) {
  return in_case(runtime, self(a), int(to));
}

// Whether all characters are so, and there is one.
template <bool (*is)(char32_t)>
Value all_are(Runtime& runtime, Bound& a) {
  const std::string_view bytes = self(a).bytes();
  runtime.step_bytes(4 * bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = code_point_at(bytes, at);
    if (!is(point.value)) return Value::boolean(false);
    at += point.length;
  }
  return Value::boolean(!bytes.empty());
}
bool alphanumeric(char32_t point) { return is_alpha(point) || is_numeric(point) || is_digit(point); }
bool is_ascii(char32_t point) { return point < 0x80; }

Value splits(Runtime& runtime, Bound& a, bool from_right) {
  const Text& text = self(a);
  const std::string_view bytes = text.bytes();
  runtime.step_bytes(2 * bytes.size());
  int64_t most = whole_number(a, 2, "maxsplit", -1);
  if (most < 0) most = std::numeric_limits<int64_t>::max();
  std::vector<Value> parts;
  const auto add = [&](size_t begin, size_t end) {
    parts.push_back(substring(runtime, text, begin, end)), runtime.step();
  };
  if (a.given(1) && !a[1].is(Type::none)) {
    const std::string_view by = text_of(a[1], "a separator").bytes();
    if (by.empty()) throw Problem("an empty separator");
    if (!from_right) {
      size_t begin = 0;
      for (size_t at; most > 0 && (at = find_text(bytes, by, begin)) != std::string_view::npos; --most) {
        add(begin, at);
        begin = at + by.size();
      }
      add(begin, bytes.size());
    } else {
      size_t end = bytes.size();
      for (size_t at; most > 0 && end >= by.size() &&
                      (at = rfind_text(runtime, bytes, by, end - by.size())) != std::string_view::npos;
           --most) {
        add(at + by.size(), end);
        end = at;
      }
      add(0, end);
      std::reverse(parts.begin(), parts.end());
    }
    return runtime.heap.list(std::move(parts));
  }
  // By white space.
  const auto space_at = [&](size_t at) { return is_python_space(code_point_at(bytes, at).value); };
  if (!from_right) {
    size_t at = 0;
    const auto skip = [&](bool spaces) {
      while (at < bytes.size() && space_at(at) == spaces) at += point_length(bytes[at]);
    };
    for (skip(true); at < bytes.size(); skip(true)) {
      const size_t begin = at;
      if (most-- == 0) {
        add(begin, bytes.size());
        break;
      }
      skip(false);
      add(begin, at);
    }
    return runtime.heap.list(std::move(parts));
  }
  size_t at = bytes.size();
  const auto skip = [&](bool spaces) {
    while (at > 0) {
      const CodePoint point = code_point_before(bytes, at);
      if (is_python_space(point.value) != spaces) break;
      at -= point.length;
    }
  };
  for (skip(true); at > 0; skip(true)) {
    const size_t end = at;
    if (most-- == 0) {
      add(0, end);
      break;
    }
    skip(false);
    add(at, end);
  }
  std::reverse(parts.begin(), parts.end());
  return runtime.heap.list(std::move(parts));
}

// The part of the text that start and end (arguments 2 and 3) name, as bytes.
struct Part {
  size_t begin, end;
  bool none;  // the start lies behind the end: not even "" is found
};
Part part(Bound& a) {
  const Text& text = self(a);
  const int64_t size = text.length();
  const auto place = [&](size_t i, int64_t otherwise) {
    if (!a.given(i) || a[i].is(Type::none)) return otherwise;
    const int64_t at = whole_number(a[i], "an index");
    return at < 0 ? std::max<int64_t>(0, at + size) : at;
  };
  const int64_t begin = place(2, 0), end = std::min(place(3, size), size);
  if (begin > end) return {0, 0, true};
  return {text.offset(begin), text.offset(end), false};
}

std::optional<size_t> found(Runtime& runtime, Bound& a, bool last) {
  const Text& text = self(a);
  const std::string_view what = text_of(a[1], "what is searched for").bytes();
  runtime.step_bytes(2 * text.size());
  const auto [begin, end, none] = part(a);
  if (none) return {};
  const std::string_view bytes = text.bytes().substr(begin, end - begin);
  const size_t at = last ? rfind_text(runtime, bytes, what) : find_text(bytes, what);
  if (at == std::string_view::npos) return {};
  return begin + at;
}
Value place_of(const Text& text, size_t byte) {
  const std::string_view before = text.bytes().substr(0, byte);
  return Value::integer(std::count_if(before.begin(), before.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}
template <bool last>
Value find_method(Runtime& runtime, Bound& a) {
  const auto at = found(runtime, a, last);
  return at ? place_of(self(a), *at) : Value::integer(-1);
}
template <bool last>
Value index_method(Runtime& runtime, Bound& a) {
  const auto at = found(runtime, a, last);
  if (!at) throw Problem("index(): the substring is not found");
  return place_of(self(a), *at);
}

Value count_method(Runtime& runtime, Bound& a) {
  const Text& text = self(a);
  const Text& what = text_of(a[1], "what is counted");
  runtime.step_bytes(2 * text.size());
  const auto [begin, end, none] = part(a);
  if (none) return Value::integer(0);
  const std::string_view bytes = text.bytes().substr(begin, end - begin);
  if (what.empty()) return Value::integer(place_of(text, end).as_integer() - place_of(text, begin).as_integer() + 1);
  int64_t count = 0;
  for (size_t at = 0; (at = find_text(bytes, what.bytes(), at)) != std::string_view::npos; at += what.size()) ++count;
  return Value::integer(count);
}

template <bool at_end>
Value starts(Runtime& runtime, Bound& a) {
  const auto [begin, end, none] = part(a);
  const std::string_view bytes = none ? std::string_view() : self(a).bytes().substr(begin, end - begin);
  const bool nothing = none;
  const auto matches = [&](const Value& value) {
    runtime.step();
    const std::string_view what = text_of(value, "a prefix or suffix").bytes();
    runtime.step_bytes(what.size());
    return !nothing && (at_end ? bytes.ends_with(what) : bytes.starts_with(what));
  };
  if (!a[1].is(Type::tuple)) return Value::boolean(matches(a[1]));
  for (const Value& one : a[1].items())
    if (matches(one)) return Value::boolean(true);
  return Value::boolean(false);
}

template <Side filled>
Value pad(Runtime& runtime, Bound& a) {
  const Text space(" ");
  return padded(runtime, self(a), whole_number(a[1], "a width"), a.given(2) ? text_of(a[2], "what fills") : space,
                filled);
}

Value zero_filled(Runtime& runtime, Bound& a) {
  const Text& text = self(a);
  const int64_t width = whole_number(a[1], "a width");
  const Text zero("0");
  const bool sign = !text.empty() && (text.bytes()[0] == '+' || text.bytes()[0] == '-');
  if (!sign) return padded(runtime, text, width, zero, Side::left);
  TextBuilder out = builder(runtime);
  out.append(text, 0, 1);
  const Value rest = substring(runtime, text, 1, text.size());
  out.append(padded(runtime, rest.text(), width - 1, zero, Side::left).text());
  return runtime.heap.text(out.take());
}

Value lines(Runtime& runtime, Bound& a) {
  const Text& text = self(a);
  runtime.step_bytes(4 * text.size());
  std::vector<Value> parts;
  for (const Range& line : lines_of(text.bytes(), whole_number(a, 1, "keepends", 0) != 0)) {
    runtime.step();
    parts.push_back(substring(runtime, text, line.begin, line.end));
  }
  return runtime.heap.list(std::move(parts));
}

template <bool last>
Value partition(Runtime& runtime, Bound& a) {
  const Text& text = self(a);
  const std::string_view by = text_of(a[1], "a separator").bytes();
  if (by.empty()) throw Problem("an empty separator");
  runtime.step_bytes(2 * text.size());
  const size_t at = last ? rfind_text(runtime, text.bytes(), by) : find_text(text.bytes(), by);
  const auto piece = [&](size_t begin, size_t end) { return substring(runtime, text, begin, end); };
  if (at == std::string_view::npos) {
    const Value all = piece(0, text.size()), none = piece(0, 0);
    return last ? runtime.heap.tuple({none, none, all}) : runtime.heap.tuple({all, none, none});
  }
  return runtime.heap.tuple({piece(0, at), a[1], piece(at + by.size(), text.size())});
}

template <bool at_end>
Value without_affix(Runtime& runtime, Bound& a) {
  const Text& text = self(a);
  const std::string_view bytes = text.bytes(), affix = text_of(a[1], "a prefix or suffix").bytes();
  const bool there = at_end ? bytes.ends_with(affix) : bytes.starts_with(affix);
  const size_t cut = there ? affix.size() : 0;
  return substring(runtime, text, at_end ? 0 : cut, at_end ? bytes.size() - cut : bytes.size());
}

// islower, isupper: no cased character is otherwise, and there is one.
template <bool upper>
Value is_case(Runtime& runtime, Bound& a) {
  const std::string_view bytes = self(a).bytes();
  runtime.step_bytes(4 * bytes.size());
  return Value::boolean(in_one_case(bytes, upper));
}

Value is_titled(Runtime& runtime, Bound& a) {
  const std::string_view bytes = self(a).bytes();
  runtime.step_bytes(4 * bytes.size());
  bool before = false, any = false;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = code_point_at(bytes, at);
    at += point.length;
    const bool large = is_upper(point.value) || is_title(point.value), small = is_lower(point.value);
    if ((large && before) || (small && !before)) return Value::boolean(false);
    before = large || small;
    any |= before;
  }
  return Value::boolean(any);
}

Value expand_tabs(Runtime& runtime, Bound& a) {
  const Text& text = self(a);
  const int64_t size = whole_number(a, 1, "tabsize", 8);
  runtime.step_bytes(4 * text.size());
  TextBuilder out = builder(runtime);
  const Text space(" ");
  int64_t column = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text.bytes()[at];
    const size_t next = at + point_length(c);
    if (c == '\t') {
      if (size > 0) {
        const int64_t width = size - column % size;
        runtime.step_bytes(4 * size_t(width));
        column += width;
        if (size_t(width) > runtime.output) throw Problem("tabs that are too wide");
        out.append(size_t(width), space);
      }
    } else {
      out.append(text, at, next);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
    at = next;
  }
  return runtime.heap.text(out.take());
}

constexpr Builtin kMethods[] = {
    {"capitalize", "self /", case_method<Case::capitalize>},
    {"casefold", "self /", case_method<Case::fold>},
    {"center", "self width fillchar? /", pad<Side::both>},
    {"count", "self sub start? end? /", count_method},
    {"endswith", "self suffix start? end? /", starts<true>},
    {"expandtabs", "self tabsize?", expand_tabs},
    {"find", "self sub start? end? /", find_method<false>},
    {"format", "self *",
     [](Runtime& runtime, Bound& a) { return runtime.heap.text(brace_format(runtime, self(a), a.rest)); }},
    {"format_map", "self mapping /",
     [](Runtime& runtime, Bound& a) {
       if (!a[1].is(Type::dict)) type_problem("format_map(): expected a dict, got", a[1]);
       return runtime.heap.text(brace_format(runtime, self(a), {{}, a[1].as<Dict>().entries()}));
     }},
    {"index", "self sub start? end? /", index_method<false>},
    {"isalnum", "self /", all_are<alphanumeric>},
    {"isalpha", "self /", all_are<is_alpha>},
    {"isascii", "self /",
     [](Runtime& runtime, Bound& a) {
       return Value::boolean(self(a).empty() || all_are<is_ascii>(runtime, a).as_boolean());
     }},
    {"isdecimal", "self /", all_are<is_decimal>},
    {"isdigit", "self /", all_are<is_digit>},
    {"islower", "self /", is_case<false>},
    {"isnumeric", "self /", all_are<is_numeric>},
    {"isprintable", "self /",
     [](Runtime& runtime, Bound& a) {
       return Value::boolean(self(a).empty() || all_are<is_printable>(runtime, a).as_boolean());
     }},
    {"isspace", "self /", all_are<is_python_space>},
    {"istitle", "self /", is_titled},
    {"isupper", "self /", is_case<true>},
    {"join", "self iterable /", [](Runtime& runtime, Bound& a) { return join(runtime, self(a), a[1], false); }},
    {"ljust", "self width fillchar? /", pad<Side::right>},
    {"lower", "self /", case_method<Case::lower>},
    {"lstrip", "self chars? /", strip_method<Side::left>},
    {"partition", "self sep /", partition<false>},
    {"removeprefix", "self prefix /", without_affix<false>},
    {"removesuffix", "self suffix /", without_affix<true>},
    {"replace", "self old new count? /",
     [](Runtime& runtime, Bound& a) {
       return replace(runtime, self(a), text_of(a[1], "what is replaced"), text_of(a[2], "the replacement"),
                      whole_number(a, 3, "count", -1));
     }},
    {"rfind", "self sub start? end? /", find_method<true>},
    {"rindex", "self sub start? end? /", index_method<true>},
    {"rjust", "self width fillchar? /", pad<Side::left>},
    {"rpartition", "self sep /", partition<true>},
    {"rsplit", "self sep? maxsplit?", [](Runtime& runtime, Bound& a) { return splits(runtime, a, true); }},
    {"rstrip", "self chars? /", strip_method<Side::right>},
    {"split", "self sep? maxsplit?", [](Runtime& runtime, Bound& a) { return splits(runtime, a, false); }},
    {"splitlines", "self keepends?", lines},
    {"startswith", "self prefix start? end? /", starts<false>},
    {"strip", "self chars? /", strip_method<Side::both>},
    {"swapcase", "self /", case_method<Case::swap>},
    {"title", "self /", case_method<Case::title>},
    {"upper", "self /", case_method<Case::upper>},
    {"zfill", "self width /", zero_filled},
};

}  // namespace

bool in_one_case(std::string_view text, bool upper) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    at += point.length;
    if (is_title(point.value) || (upper ? is_lower(point.value) : is_upper(point.value))) return false;
    any |= upper ? is_upper(point.value) : is_lower(point.value);
  }
  return any;
}

std::span<const Builtin> string_methods() { return kMethods; }

}  // namespace hone::data::jinja
