// What a folder of shards holds: manifest.json, written anew after each shard.
//   const std::optional<Manifest> manifest = Manifest::read(folder);
//   manifest->complete;                        // else preparing goes on from manifest->position
// Holds counts, hashes, files and lines, never text or tokens. Errors (ExitCode::input): a file that is not one.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/receipt.h"

namespace hone::data {

struct FileEntry {
  std::string name, hash;  // xxh3 of all bytes
  uint64_t bytes = 0;
};

struct ShardEntry {
  FileEntry file;
  std::string content;  // Shard::content
  int64_t rows = 0, tokens = 0;
};

struct ShardSet {  // the shards of training, or of evaluation
  std::vector<ShardEntry> shards;
  RowCounts counts;
  std::optional<FileEntry> lengths;  // the rows' lengths, in one file; not before it is complete
  int64_t rows() const;
};

struct Manifest {
  std::string fingerprint;  // of `settings`
  Json settings;            // all that decides on the shards' bytes: data, tokenizer, options
  bool complete = false;
  int32_t pass = 0;  // of reading: 0 the files of training, 1 those of evaluation
  ReadPosition position;
  Reading reading;  // of the files of training
  ShardSet train, evaluation;
  int64_t duplicates = 0, shared = 0;  // as in Receipt

  static std::optional<Manifest> read(const fs::path& folder);  // empty where there is none
  void write(const fs::path& folder) const;                     // manifest.json in it
};

}  // namespace hone::data
