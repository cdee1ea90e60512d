// Splits a data file into its records, each with its line: the lines of a JSONL file, the elements of a JSON list (a
// file whose first character is '['), either perhaps within gzip or zstd (bytes.h), or the rows of a Parquet file, each
// as JSON (parquet.h). Holds one record at a time.
//   read_records(InputFile("train.jsonl"), [&](const Record& record) { … });
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "data/rows/row.h"
#include "kernels/host/file.h"

namespace hone::data {

inline constexpr size_t kLargestRecord = size_t(64) << 20;  // bytes
inline constexpr std::string_view kTooLarge = "larger than 64 MiB, the limit of a row";

struct Record {
  int64_t number = 0;       // 0-based; blank lines are not counted
  int64_t line = 0;         // 1-based line where it begins; of a Parquet file the row
  std::string_view text{};  // valid during the call only; empty where `problem` says why
  std::string_view problem{};
  uint64_t end = 0;   // byte of the file after it, or a little later
  bool ends = false;  // the problem is the file's: what follows was not read
};
// Calls `take` for each record in order. A record of more than `largest` bytes is passed with a problem and without
// its text. A byte-order mark and, in a list, what separates elements wrongly end the file with a last record that has
// a problem, and so do damaged compressed data, and compressed records of more than 16 times `largest`. A line may end
// in CR LF.
void read_records(const InputFile& file, const std::function<void(const Record&)>& take,
                  size_t largest = kLargestRecord);

}  // namespace hone::data
