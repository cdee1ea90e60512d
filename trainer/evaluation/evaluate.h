// Held-out loss: every row as it stands, no dropout, no shuffling, no effect of packing.
#pragma once
#include <vector>

#include "data/rows/row.h"
#include "trainer/model/decoder.h"

namespace hone::trainer {

struct RowLoss {
  int64_t row;  // 0-based, in its file
  double loss_sum;
  int64_t target_tokens;
};
struct Evaluation {
  double loss = 0;        // mean over all target tokens
  double perplexity = 1;  // exp(loss)
  int64_t target_tokens = 0;
  std::vector<RowLoss> rows;  // in the order given
};

inline constexpr int64_t kEvaluationTokens = 4096;
// Rows are read together up to `token_budget` tokens at a time; a longer one alone.
Evaluation evaluate(Stream&, const Decoder&, const std::vector<data::Row>& rows,
                    int64_t token_budget = kEvaluationTokens);

// Logits (T, vocabulary) of one row, whole: to be held against another program's. Memory is rows times vocabulary,
// unlike training's.
std::vector<float> logits_of(Stream&, const Decoder&, const data::Row& row);

}  // namespace hone::trainer
