// The data of a run: rows to learn from, rows held out, the receipt of both, and a hash that says whether they are the
// same again.
#pragma once
#include <optional>

#include "data/dataset.h"
#include "data/receipt.h"
#include "recipes/recipe.h"
#include "trainer/run/setup.h"

namespace hone::trainer {

struct Corpus {
  std::vector<data::Row> train, evaluation;
  std::optional<data::Receipt> receipt;
  std::string hash;  // of the tokens and labels of both
};

// Reads, tokenises and splits. Errors (ExitCode::input): text rows without a tokenizer, no learned token, what
// data::Dataset refuses.
Corpus read_corpus(const recipes::Recipe&, const Base&, const std::optional<data::Tokenizer>&);

// Rows to evaluate: data.evaluation whole; without it those of evaluation_split; with neither all of data.train. In
// file order.
std::vector<data::Row> evaluation_rows(const recipes::Recipe&, const Base&, const std::optional<data::Tokenizer>&);

data::BatchOptions batch_options(const recipes::Recipe&);

// A recipe's words as those of data/.
data::RowKind kind_of(recipes::RowType);
data::LayoutKind layout_of(recipes::ChatLayout);

}  // namespace hone::trainer
