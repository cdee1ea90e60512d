// Operations on strings that methods and filters share. Places are bytes.
#pragma once
#include <vector>

#include "data/template/jinja/runtime.h"

namespace hone::data::jinja {

enum class Side { left, right, both };
// As std::string_view's, in a time that does not grow with the product of both lengths.
size_t find_text(std::string_view text, std::string_view what, size_t from = 0);
size_t rfind_text(Runtime& runtime, std::string_view text, std::string_view what, size_t from = std::string_view::npos);
// Without white space (chars null) or without the characters of `chars` around it.
Value strip(Runtime& runtime, const Text& text, const Text* chars, Side side);
Value replace(Runtime& runtime, const Text& text, const Text& from, const Text& to, int64_t count);
std::vector<Range> lines_of(std::string_view text, bool keep_ends);                     // splitlines()
Value in_case(Runtime& runtime, const Text& text, int to);                              // a Case
Value join(Runtime& runtime, const Text& separator, const Value& items, bool as_text);  // as_text: str() of each item
Value padded(Runtime& runtime, const Text& text, int64_t width, const Text& fill, Side filled);

}  // namespace hone::data::jinja
