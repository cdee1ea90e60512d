#include "data/template/jinja/strings.h"

#include <algorithm>
#include <cstring>

#include "data/template/jinja/characters.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {

size_t find_text(std::string_view text, std::string_view what, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (what.empty()) return from;
  const void* at = memmem(text.data() + from, text.size() - from, what.data(), what.size());
  return at ? size_t(static_cast<const char*>(at) - text.data()) : std::string_view::npos;
}

size_t rfind_text(Runtime& runtime, std::string_view text, std::string_view what, size_t from) {
  constexpr size_t kShort = 16;
  if (what.size() <= kShort) return text.rfind(what, from);
  if (what.size() > text.size()) return std::string_view::npos;
  // Nothing searches backwards like memmem, so it searches what is reversed.
  text = text.substr(0, std::min(from, text.size() - what.size()) + what.size());
  runtime.step_bytes(4 * text.size());
  const std::string turned(text.rbegin(), text.rend()), turned_what(what.rbegin(), what.rend());
  const size_t at = find_text(turned, turned_what);
  return at == std::string::npos ? at : text.size() - at - what.size();
}

Value strip(Runtime& runtime, const Text& text, const Text* chars, Side side) {
  const std::string_view bytes = text.bytes();
  size_t begin = 0, end = bytes.size();
  const auto goes = [&](size_t at, size_t length, char32_t point) {
    if (!chars) return is_python_space(point);
    runtime.step_bytes(chars->size() + 8);
    // A character's bytes are found in valid UTF-8 at characters alone.
    return chars->bytes().find(bytes.substr(at, length)) != std::string_view::npos;
  };
  if (side != Side::right) {
    while (begin < end) {
      const CodePoint point = code_point_at(bytes, begin);
      if (!goes(begin, point.length, point.value)) break;
      begin += point.length;
    }
  }
  if (side != Side::left) {
    while (end > begin) {
      const CodePoint point = code_point_before(bytes, end);
      if (!goes(end - point.length, point.length, point.value)) break;
      end -= point.length;
    }
  }
  runtime.step_bytes(bytes.size() - (end - begin));
  return substring(runtime, text, begin, end);
}

Value replace(Runtime& runtime, const Text& text, const Text& from, const Text& to, int64_t count) {
  const std::string_view bytes = text.bytes(), what = from.bytes();
  runtime.step_bytes(2 * bytes.size());
  TextBuilder out = builder(runtime);
  size_t plain = 0;
  if (count < 0) count = INT64_MAX;
  if (what.empty()) {  // between all characters, before the first and behind the last one
    for (size_t at = 0; count > 0; --count) {
      runtime.step(), runtime.step_bytes(to.size());
      out.append(text, plain, at);
      out.append(to);
      plain = at;
      if (at >= bytes.size()) break;
      at += point_length(bytes[at]);
    }
  } else {
    for (size_t at = 0; count > 0 && (at = find_text(bytes, what, plain)) != std::string_view::npos; --count) {
      runtime.step(), runtime.step_bytes(to.size());
      out.append(text, plain, at);
      out.append(to);
      plain = at + what.size();
    }
  }
  out.append(text, plain, bytes.size());
  return runtime.heap.text(out.take());
}

std::vector<Range> lines_of(std::string_view text, bool keep_ends) {
  std::vector<Range> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    const size_t end = at;
    at += point.length;
    if (!is_line_end(point.value)) continue;
    if (point.value == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back({uint32_t(begin), uint32_t(keep_ends ? at : end)});
    begin = at;
  }
  if (begin < text.size()) lines.push_back({uint32_t(begin), uint32_t(text.size())});
  return lines;
}

Value in_case(Runtime& runtime, const Text& text, int to) {
  runtime.step_bytes(8 * text.size());
  TextBuilder out = builder(runtime);
  append_case(out, text, 0, text.size(), Case(to));
  return runtime.heap.text(out.take());
}

Value join(Runtime& runtime, const Text& separator, const Value& items, bool as_text) {
  TextBuilder out = builder(runtime);
  bool first = true;
  each(runtime, items, [&](const Value& item) {
    if (!as_text && !item.is(Type::string)) type_problem("expected strings to join, got", item);
    runtime.step_bytes(separator.size());
    if (!first) out.append(separator);
    first = false;
    append_str(runtime, out, item);
    return true;
  });
  return runtime.heap.text(out.take());
}

Value padded(Runtime& runtime, const Text& text, int64_t width, const Text& fill, Side filled) {
  if (fill.length() != 1) throw Problem("expected one character to fill with");
  TextBuilder out = builder(runtime);
  const int64_t missing = std::max<int64_t>(0, width - text.length());
  // Python's center puts the odd one to the left where the width is odd.
  const int64_t left = filled == Side::left ? missing : filled == Side::right ? 0 : missing / 2 + (missing & width & 1);
  if (missing > int64_t(runtime.output))
    throw Problem("a text of more than " + std::to_string(runtime.output) + " bytes, the limit");
  runtime.step_bytes(text.size() + 4 * size_t(missing));
  out.append(size_t(left), fill);
  out.append(text);
  out.append(size_t(missing - left), fill);
  return runtime.heap.text(out.take());
}

}  // namespace hone::data::jinja
