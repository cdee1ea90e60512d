// Small helpers for text: the nearest of several names, numbers read and printed the same in every locale, valid UTF-8.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

// The candidate with the smallest edit distance to `name`, where that is at most a third of its length (at least 2).
std::optional<std::string> nearest(std::string_view name, std::span<const std::string> candidates);

// Whole text as a number: decimal digits and an optional sign; nothing else, no spaces, no overflow.
std::optional<int64_t> parse_integer(std::string_view text);
// Whole text as a finite decimal floating-point number ("1e-4", "0.5", "3"); no hexadecimal, no infinity, no NaN.
std::optional<double> parse_number(std::string_view text);
// The shortest text that reads back as the same double ("0.0002", "1e-05"); "nan", "inf", "-inf" else.
std::string to_text(double value);

bool valid_utf8(std::string_view text);
// Unicode code points of valid UTF-8; and back.
std::u32string utf32_from(std::string_view text);
void append_utf8(std::string& text, char32_t code_point);

// 1,234,567 · 12.3 MiB · 1 h 05
std::string with_commas(int64_t value);
std::string bytes_text(uint64_t bytes);
// 78GiB, 1.5 GB, 4096: a number and B, KiB, MiB, GiB, TiB, or KB … TB by thousands; empty else.
std::optional<uint64_t> parse_bytes(std::string_view text);
std::string duration_text(double seconds);

}  // namespace hone
