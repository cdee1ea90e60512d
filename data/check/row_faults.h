// What is wrong with a row of tokens, whatever it was made from.
//   const RowFaults faults = row_faults(row, RowKind::messages, &tokenizer);
//   faults.missing_ends;      // answers that do not learn their end token
#pragma once
#include "data/rows/row.h"
#include "data/tokenizer/tokenizer.h"

namespace hone::data {

struct RowFaults {
  int64_t learned = 0;
  bool double_bos = false;     // begins with the start token twice
  bool special_only = false;   // learns special tokens and white space alone
  bool split_token = false;    // an answer begins where the tokenizer, given both as one text, would not cut
  bool unknown_token = false;  // holds the token of unknown characters
  int64_t missing_ends = 0;    // answers; a row of tokens counts as one, a text not at all
};
// `tokenizer` null: only what ids tell.
RowFaults row_faults(const Row& row, RowKind kind, const Tokenizer* tokenizer);

// The token that text which cannot be encoded becomes: <unk>, [UNK]; -1 where the vocabulary has none.
int32_t unknown_token(const Tokenizer& tokenizer);

}  // namespace hone::data
