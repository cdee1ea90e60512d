// Do the model's own answers equal the expected ones? For rows with one answer: everything before the first learned
// token is the question, the learned tokens are the answer.
#pragma once
#include <vector>

#include "data/rows/row.h"
#include "trainer/model/decoder.h"

namespace hone::trainer {

struct Answered {
  int64_t row;                                      // 0-based, in its file
  std::vector<int32_t> question, expected, answer;  // tokens; an end token is in none of them
  bool right() const { return answer == expected; }
};

// Answers each row greedily, one token longer than expected at most. Rows without a learned token are passed over.
std::vector<Answered> answer_rows(Stream&, const Decoder&, const std::vector<data::Row>& rows);

}  // namespace hone::trainer
