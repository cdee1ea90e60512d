// A row cut into what the model reads and what it learns, as text.
//   for (const RowSpan& span : rendered(row, tokenizer)) …      // {"<|im_start|>", special}, {"user\n2 + 2?", read}, …
#pragma once
#include <string>
#include <vector>

#include "data/rows/row.h"
#include "data/tokenizer/tokenizer.h"

namespace hone::data {

struct RowSpan {
  std::string text;  // UTF-8; half characters and bytes that are none are U+FFFD
  bool learned = false, special = false;
};
// Neighbours of one kind are one span; special tokens are one each. Together they are the row's text.
std::vector<RowSpan> rendered(const Row& row, const Tokenizer& tokenizer);

// "214 tokens, 61 learned, ends with <|eot_id|> (learned)"
std::string row_caption(const Row& row, const Tokenizer& tokenizer);

}  // namespace hone::data
