// Split patterns that most models share, written out by hand: the same pieces as Oniguruma's, many times faster.
//   if (const Splitter split = splitter_of(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+ …)")) split("I'm here", pieces);
//   // pieces: {0, 1}, {1, 3}, {3, 8}
// The patterns match at every character, so the pieces cover the text. A new one: a file here, and a row in known().
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "data/tokenizer/pattern.h"

namespace hone::data {

// Appends the pieces of a text (valid UTF-8, under 4 GiB), from left to right. Takes time linear in its length.
using Splitter = void (*)(std::string_view text, std::vector<Range>& pieces);

void split_gpt2(std::string_view text, std::vector<Range>& pieces);
void split_qwen2(std::string_view text, std::vector<Range>& pieces);
void split_llama3(std::string_view text, std::vector<Range>& pieces);
void split_o200k(std::string_view text, std::vector<Range>& pieces);
void split_tekken(std::string_view text, std::vector<Range>& pieces);

struct KnownPattern {
  const char* name;
  const char* expression;  // character by character as tokenizer.json has it
  Splitter split;
};
std::span<const KnownPattern> known_patterns();
Splitter splitter_of(std::string_view expression);  // null where there is none by hand

}  // namespace hone::data
