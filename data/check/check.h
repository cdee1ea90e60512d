// Reads the data of a run as it would be trained on, and reports what is odd about it: rows that teach nothing, copies,
// what evaluation shares with training, broken text, strings that look like secrets, lengths and padding.
//   const CheckReport report = check_data({.train = options, .packing = {.max_length = 2048}, .show = 3}, &tokenizer,
//                                         pool);
//   report.findings[Finding::near_duplicate].rows;
//   report.json().dump(2);                     // counts, files and lines; no text
// Streams through the files twice at most, on all threads of the pool; memory is about 200 bytes a row up to four
// million rows, less beyond (copies.h), whatever the files' size.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/check/findings.h"
#include "data/check/lengths.h"
#include "kernels/host/json.h"

namespace hone::data {

struct CheckOptions {
  DatasetOptions train{};
  std::optional<DatasetOptions> evaluation{};
  double evaluation_split = 0;  // of the rows of `train`; without `evaluation`
  bool packs = true;            // several documents in a row
  Lengths::Packing packing{};   // max_length as in `train`
  int64_t show = 0;             // rows to keep for showing
  uint64_t seed = 17;           // which ones
  // Called now and then with the share that is done, 0 … 1.
  std::function<void(double)> progress{};
};

// A row as the model sees it; of a text that is split, a piece.
struct ShownRow {
  Row row;
  bool evaluation = false;
};

struct CheckReport {
  std::vector<DataFile> files;  // of training, then of evaluation: Place::file counts through both
  int64_t training_files = 0;
  int64_t read = 0;      // rows in the training files
  int64_t used = 0;      // rows to learn from: not bad, not dropped, not held out
  int64_t held_out = 0;  // by evaluation_split
  int64_t evaluation_rows = 0, evaluation_tokens = 0;
  int64_t tokens = 0, learned = 0, answers = 0, ends = 0;  // of the rows used, before rows are split
  Findings findings;
  Lengths lengths;                      // of training rows that learn something, dropped ones among them
  std::vector<PackingOutcome> packing;  // for half of max_length, max_length, twice of it; empty without packing
  std::vector<ShownRow> shown;
  bool read_text = true;  // false where there is no tokenizer: nothing that needs text was looked for
  int64_t estimated = 0;  // near copies that were told by their sketches alone: too many to compare
  size_t bands = 0;       // that copies were looked for with, of 32
  std::string problem;    // what is wrong with files as a whole; then rows are missing here

  std::string place_text(const Place& place) const;   // "train.jsonl:12"
  std::string row_text(const ShownRow& shown) const;  // the same; of a text that is split "novel.txt:1, piece 3"
  OrderedJson json() const;
};

// Errors (ExitCode::input): no such file, a layout that the tokenizer lacks tokens for. What is wrong with rows or in
// files is in the report.
CheckReport check_data(const CheckOptions& options, const Tokenizer* tokenizer, ThreadPool& pool);

}  // namespace hone::data
