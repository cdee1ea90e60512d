// The token receipt: what of the data is learned, and what is lost why. Printed before a run, and kept with it.
//   const Receipt receipt(train, &evaluation, batches.packed());
//   receipt.require_learned();                       // refuses to start where nothing is learned
//   write_text(run / "receipt.json", receipt.json().dump(2));
// Holds counts, files and lines, never text or tokens.
#pragma once
#include <optional>
#include <string>

#include "data/batches/batches.h"
#include "data/dataset.h"

namespace hone::data {

struct EvaluationCounts {
  int64_t rows = 0, tokens = 0, learned = 0;
  int64_t shared = 0;  // rows that training has too
};

// Sums over rows.
struct RowCounts {
  int64_t rows = 0;    // pieces of a row counted once, and copies by a weight not at all
  int64_t copies = 0;  // pieces of a row counted once
  int64_t tokens = 0, learned = 0, answers = 0, ends = 0;
  void add(const Row& row);
};

struct Receipt {
  Receipt() = default;
  // `evaluation` may be null; where it was split off from `train` (one Reading for both), say so with `split`.
  Receipt(const Dataset& train, const Dataset* evaluation, const std::optional<Packed>& packed, bool split = false);

  std::vector<DataFile> files;
  Reading reading;
  int64_t used = 0;                 // rows that training uses, pieces of a row counted once
  int64_t repeated = 0;             // how often it takes one of them again by its file's weight
  int64_t held_out = 0;             // rows split off for evaluation
  int64_t tokens = 0, learned = 0;  // of training, repetitions included; a row's first token is never learned
  int64_t answers = 0, ends = 0;    // learned answers; how many of them end with a learned end token
  int64_t duplicates = 0;           // training rows equal to an earlier one
  std::optional<EvaluationCounts> evaluation;
  std::optional<Packed> packed;

  // "rows     18,402 read   18,371 used   14 too long (dropped: lines 3, 9, …)" and so on; lines end in '\n'.
  std::string text() const;
  OrderedJson json() const;
  // Error (ExitCode::input) with the reasons counted where training has no learned token.
  void require_learned() const;
};

}  // namespace hone::data
