// What `hone tokenize` does with its standard input.
//   tokenize_lines(tokenizer, std::cin, std::cout, SpecialTokens::parse, false);
#pragma once
#include <iosfwd>

#include "data/tokenizer/tokenizer.h"

namespace hone::data {

// Without json: each line (its bytes without the newline) becomes a line of ids separated by spaces. With json: each
// line is an object {"text": "…"} and becomes a line {"ids": […], "decoded": "…"}, decoded with special tokens. No
// start or end token is added. Errors (ExitCode::input) name the line, never its content; lines before it are written.
void tokenize_lines(const Tokenizer& tokenizer, std::istream& in, std::ostream& out, SpecialTokens special, bool json);

}  // namespace hone::data
