// Characters as Python's str has them: what counts as white space, letters and digits, and the cases.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "data/template/jinja/text.h"

namespace hone::data::jinja {

bool is_python_space(char32_t point);  // isspace(), strip(), split()
bool is_line_end(char32_t point);      // splitlines()
bool is_alpha(char32_t point);
bool is_decimal(char32_t point);
bool is_digit(char32_t point);
bool is_numeric(char32_t point);
bool is_lower(char32_t point);
bool is_upper(char32_t point);
bool is_title(char32_t point);
bool is_printable(char32_t point);

enum class Case { upper, lower, title, capitalize, swap, fold };
// The bytes [begin, end) of `text` in another case, with their origins.
void append_case(TextBuilder& out, const Text& text, size_t begin, size_t end, Case to);

std::string escaped_point(char32_t point);  // \xe9, \u4e2d, \U0001f600

// float("…") and int("…", base): empty where Python raises a ValueError.
std::optional<double> python_float(std::string_view text);
std::optional<int64_t> python_integer(std::string_view text, int base);
std::string_view stripped(std::string_view text);  // without white space around

}  // namespace hone::data::jinja
