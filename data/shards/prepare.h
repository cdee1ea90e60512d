// Data files into a folder of shards, once: the next run with the same data and settings reads the shards alone.
//   const Prepared data = prepare({.folder = "runs/shards", .name = "support", .train = options}, &tokenizer, pool);
//   data.receipt().text();                              // the same as when it was read
//   Batches batches(*data.train(), …);
// The folder is <folder>/<name>-<fingerprint>: of the files' contents, the tokenizer and every setting that decides on
// rows. Preparing goes through the files in bounded memory and keeps each finished shard: killed at any moment, the
// next run goes on behind the last one and ends with the same bytes.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/batches/row_blocks.h"
#include "data/shards/manifest.h"

namespace hone::data {

struct PrepareProgress {
  uint64_t bytes = 0, all_bytes = 0;  // of the files
  int64_t rows = 0, tokens = 0;       // that were kept, by this run or an earlier one
};

struct PrepareOptions {
  fs::path folder;
  std::string name;  // begins the name of the folder in it
  DatasetOptions train{};
  std::optional<DatasetOptions> evaluation{};
  double evaluation_split = 0;              // of the rows of `train`, by hash; without `evaluation`
  bool rebuild = false;                     // away with what is there
  int64_t shard_tokens = int64_t(4) << 20;  // a shard ends with the row that reaches it
  std::function<void(const PrepareProgress&)> progress{};
};

class Prepared {
 public:
  const fs::path& folder() const { return folder_; }
  bool reused() const { return reused_; }  // all of it was there already
  // Rows to learn from, a block a shard, read and verified when asked for.
  std::shared_ptr<const RowBlocks> train() const;
  // Rows held out, all in memory, in file order.
  std::vector<Row> evaluation() const;
  // As data::Receipt says; without packing.
  Receipt receipt() const;
  std::string hash() const;  // of all rows' tokens and labels, not of where they came from
  const Manifest& manifest() const { return manifest_; }

 private:
  friend Prepared prepare(const PrepareOptions&, const Tokenizer*, ThreadPool&);
  fs::path folder_;
  Manifest manifest_;
  std::vector<DataFile> files_;
  bool has_evaluation_ = false, split_ = false, reused_ = false;
  int64_t vocabulary_ = 0;
};

// Prepares what is not there yet, and verifies what is: every shard against the manifest's hash, before HDF5 reads it.
// Errors (ExitCode::input): what read_rows refuses; a damaged or missing shard, with its rows; shards whose manifest
// has another fingerprint, with both. ExitCode::usage: another process is preparing the same.
Prepared prepare(const PrepareOptions& options, const Tokenizer* tokenizer, ThreadPool& pool);
// Whether prepare() would find all of it there. Reads the data files once, for their hashes.
bool is_prepared(const PrepareOptions& options, const Tokenizer* tokenizer, ThreadPool& pool);

}  // namespace hone::data
