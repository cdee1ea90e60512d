// What a tokenizer searches for in text: a regular expression (Oniguruma in its own syntax, as Hugging Face tokenizers
// has it; by hand where splitters/ knows the expression), or a literal text.
//   const Pattern words = Pattern::regex("\\p{L}+", "tokenizer.json: pre_tokenizer.pattern");
//   words.find("one, two", ranges);                 // {0, 3}, {5, 8}
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/range.h"
#include "kernels/host/json.h"

namespace hone::data {

class Pattern {
 public:
  // `where` opens every message. Errors (ExitCode::input): an expression that does not compile.
  static Pattern regex(const std::string& expression, const std::string& where);
  static Pattern oniguruma(const std::string& expression, const std::string& where);  // never by hand
  static Pattern literal(std::string text, const std::string& where);                 // not empty
  // {"Regex": "…"} or {"String": "…"}
  static Pattern read(const JsonView& pattern);

  // Replaces `matches` by the matches in `text` (valid UTF-8, under 4 GiB) from left to right, without overlap. A
  // search that backtracks without end is an error (ExitCode::input). May be called from several threads.
  void find(std::string_view text, std::vector<Range>& matches) const;

 private:
  void find_expression(std::string_view text, std::vector<Range>& matches) const;
  std::shared_ptr<void> expression_;                                             // compiled; null for the other two
  void (*split_)(std::string_view text, std::vector<Range>& matches) = nullptr;  // by hand
  std::string literal_, where_;
};

}  // namespace hone::data
