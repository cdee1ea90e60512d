// Batches: which rows a step trains on, as one row of T tokens without padding. A pure function of (rows, options,
// step): there is no position to save, a resumed run asks for the step where it stopped.
//   Batches batches(rows, {.max_length = 4096, .packing = true, .seed = 17, .micro_batch_size = 2, .accumulation = 8});
//   for (int64_t step = 0; step < batches.steps_of(2.0); ++step)        // two epochs
//     for (const Batch& micro : batches.step(step)) …                   // at most 8, fewer at an epoch's end
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "data/batches/packing.h"
#include "data/batches/row_blocks.h"

namespace hone::data {

struct Batch {
  std::vector<int32_t> tokens;     // (T): documents, one after another
  std::vector<int32_t> positions;  // (T): 0, 1, … from each document's start
  std::vector<int32_t>
      labels;  // (T): the token that position t must predict, or kNotLearned; a document's last is never learned
  std::vector<int32_t> starts;  // (documents + 1): where each document begins; the last is T
  std::vector<int64_t> rows;    // (documents): index of each document in the rows given
  int64_t documents = 0;
  int64_t targets = 0;  // labels that are learned
};

// The documents `indices` of `rows` joined into one batch. More than 2^31 - 1 tokens are an error.
Batch join(const std::vector<Row>& rows, std::span<const int64_t> indices);

struct Packed {
  int64_t rows = 0, max_length = 0;
  double padding = 0;  // the share of rows x max_length that holds no token; nothing is computed for it
};

struct BatchOptions {
  int64_t max_length = 0;  // tokens of a packed row; no document may be longer
  bool packing = true;     // several documents in a packed row; false: each document is a row of its own
  bool shuffle = true;     // false: every epoch in the order of the rows
  uint64_t seed = 0;
  int64_t micro_batch_size = 1;  // rows (packed, or documents) joined into one Batch
  int64_t accumulation = 1;      // micro-batches of a step
  // Above 0: the size of a step in tokens, and accumulation is not read. Packed rows: micro-batches of one row,
  // max(1, round(batch_tokens / max_length)) of them. Documents: as many as reach it at their mean length, in
  // micro-batches of micro_batch_size.
  int64_t batch_tokens = 0;
  // Tokens of the rows that are in memory together, and so are shuffled together and packed with each other.
  int64_t window_tokens = int64_t(32) << 20;
  PackingMethod packing_method = PackingMethod::best_fit;
};

// An epoch is a permutation of the rows drawn from (seed, epoch), packed anew; its last step may be smaller, as with
// drop_last=False of transformers' Trainer. Every row occurs exactly once an epoch.
// Rows of more than window_tokens are taken a window at a time: an epoch draws the order of the blocks, puts
// consecutive ones together up to that size, and draws and packs the rows within each window. Memory is one window,
// whatever the number of rows, beside their lengths. Safe to ask from several threads; asking for steps in their order
// reads each block once an epoch.
class Batches {
 public:
  // `rows` must outlive this. No rows, an empty row, a row longer than max_length or a size below 1 is an error.
  Batches(const RowBlocks& rows, const BatchOptions& options);
  Batches(const std::vector<Row>& rows, const BatchOptions& options);  // rows in memory, one block

  int64_t steps_in_epoch(int64_t epoch) const;  // with packing, permutations may differ by a few
  int64_t steps_per_epoch() const { return steps_in_epoch(0); }
  // Steps of that many epochs; of a last part of an epoch the share of its steps, rounded up.
  int64_t steps_of(double epochs) const;
  int64_t epoch_of(int64_t step) const;         // 0-based epoch that the step belongs to
  std::vector<Batch> step(int64_t step) const;  // its micro-batches; any step, also beyond the last epoch wanted

  // The packed rows (or documents) of an epoch in their order: lists of row indices.
  std::vector<std::vector<int64_t>> epoch(int64_t epoch) const;
  // The first epoch's packing; none without packing.
  std::optional<Packed> packed() const;
  int64_t micro_batch_size() const { return micro_batch_size_; }  // as it follows from the options
  int64_t accumulation() const { return accumulation_; }
  int64_t longest() const { return longest_; }  // tokens of the longest row

 private:
  Batches(std::unique_ptr<const RowBlocks> own, const BatchOptions& options);
  using PackedRows = std::vector<std::vector<int64_t>>;
  struct Epoch {
    std::vector<std::vector<int64_t>> windows;  // blocks that are in memory together
    std::vector<int64_t> first;                 // packed row with which each window begins; the last is the end
  };
  struct Window {
    int64_t epoch = -1, number = -1;
    PackedRows rows;
  };
  struct Loaded {  // a window with its blocks, in the order of their first rows
    std::shared_ptr<const Window> window;
    std::vector<std::pair<int64_t, std::shared_ptr<const RowBlock>>> blocks;
  };
  const Epoch& plan(int64_t epoch) const;
  std::shared_ptr<const Window> window(int64_t epoch, int64_t number, const std::vector<int64_t>& blocks) const;
  std::shared_ptr<const Loaded> load(int64_t epoch, int64_t number) const;
  int64_t steps_before(int64_t epoch) const;
  int64_t share() const { return micro_batch_size_ * accumulation_; }     // packed rows of a step
  bool alike() const { return !(options_.packing && options_.shuffle); }  // every epoch has as many packed rows

  std::unique_ptr<const RowBlocks> own_;
  const RowBlocks& rows_;
  BatchOptions options_;
  int64_t micro_batch_size_ = 1, accumulation_ = 1, longest_ = 1, tokens_ = 0;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, Epoch> epochs_;
  mutable std::shared_ptr<const Window> window_;  // the ones asked last
  mutable std::shared_ptr<const Loaded> loaded_;
  mutable std::vector<int64_t> steps_before_{0};  // steps of all epochs before epoch e
};

// Batches for evaluation: rows in their order, consecutive documents together up to `tokens` (a longer document, or
// tokens = 0: each alone). Batch::rows says whose loss is whose.
std::vector<Batch> evaluation_batches(const std::vector<Row>& rows, int64_t tokens);

}  // namespace hone::data
