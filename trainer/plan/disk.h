// What a run keeps on disks, against what is free there; and how fast its shards can be read.
//   const Disk disk = disk_of(storage, {.base = plan.bytes(Memory::base), .result = 4 << 20, .checkpoint = 12 << 20});
//   disk.lacking;                   // bytes that must be freed before the run can start; 0: it fits
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/host/file.h"

namespace hone::trainer {

// Where a run keeps its files, and what is there before it starts.
struct Storage {
  fs::path run = ".", shards, base_cache;  // base_cache empty: none is kept; shards empty: not known
  uint64_t shard_bytes = 0;                // of all of them
  bool shards_there = false, base_cache_there = false;
  uint64_t checkpoints_there = 0;  // bytes of a run that goes on
  int64_t keep = 1;                // checkpoints
  double read_bytes = 0,
         shard_token_bytes = 0;  // what the disk gives a second, measured; what a token takes. 0: unknown
};
// Bytes a second of a file's beginning, past the page cache where the file system can.
double read_rate_of(const fs::path& file);
// Bytes a second of a new file in `folder`, up to 64 MiB in about `seconds`: written until it is on the disk, and then
// read. It is gone afterwards. Error (ExitCode::io): nothing can be written there.
struct DiskRates {
  double write = 0, read = 0;
};
DiskRates disk_rates(const fs::path& folder, double seconds);

struct Kept {
  std::string what;  // "base cache"
  fs::path place;
  uint64_t bytes = 0, there = 0;  // all of it, and what of it is there already
  bool must = true;               // else a run that finds no room goes on without
  uint64_t to_write() const { return bytes > there ? bytes - there : 0; }
};

struct Disk {
  std::vector<Kept> kept;  // in the order of a run
  uint64_t free = 0;       // where the run's folder is
  uint64_t checkpoint_bytes = 0;
  int64_t checkpoints = 0;                 // that are kept
  bool one_more = false;                   // while it is written
  uint64_t needed = 0, lacking = 0;        // to write in all; more than is free, of what a run cannot do without
  uint64_t lacking_for_all = 0;            // the same with what it can do without
  double read_bytes = 0, read_needed = 0;  // a second: given, and taken by training; 0: not known
};

struct RunBytes {
  uint64_t base = 0, result = 0, checkpoint = 0;
  int64_t most_checkpoints = 1;  // that the run would write in all
};
Disk disk_of(const Storage& storage, const std::string& result, const RunBytes& bytes);

}  // namespace hone::trainer
