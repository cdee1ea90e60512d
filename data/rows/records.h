// Splits a data file into its records, each with its line: the lines of a JSONL file, or the elements of a JSON list
// (a file whose first character is '['). Holds one record at a time.
//   read_records(InputFile("train.jsonl"), [&](const Record& record) { … });
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "data/rows/row.h"
#include "kernels/host/file.h"

namespace hone::data {

inline constexpr size_t kLargestRecord = size_t(64) << 20;  // bytes

struct Record {
  int64_t number = 0;     // 0-based; blank lines are not counted
  int64_t line = 0;       // 1-based line where it begins
  std::string_view text;  // valid during the call only; empty where `problem` says why
  std::string_view problem;
  uint64_t end = 0;   // byte of the file after it, or a little later
  bool ends = false;  // the problem is the file's: what follows was not read
};
// Calls `take` for each record in order. A record of more than `largest` bytes is passed with a problem and without
// its text. A byte-order mark and, in a list, what separates elements wrongly end the file with a last record that has
// a problem. A line may end in CR LF.
void read_records(const InputFile& file, const std::function<void(const Record&)>& take,
                  size_t largest = kLargestRecord);

}  // namespace hone::data
