// Rows in blocks, of which only some need be in memory: what batches are made from. Rows are numbered through all
// blocks; block b holds the rows first_row(b) … first_row(b + 1) - 1.
//   const RowsInMemory rows(dataset.rows());        // one block
//   rows.load(0)->copy(3, tokens, labels);
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "data/rows/row.h"

namespace hone::data {

class RowBlock {
 public:
  virtual ~RowBlock() = default;
  virtual int64_t count() const = 0;
  virtual int64_t length(int64_t row) const = 0;  // tokens; row is counted from the block's first
  // Writes length(row) tokens and labels (as in Row).
  virtual void copy(int64_t row, int32_t* tokens, int32_t* labels) const = 0;
};

class RowBlocks {
 public:
  virtual ~RowBlocks() = default;
  virtual int64_t blocks() const = 0;
  virtual int64_t first_row(int64_t block) const = 0;  // of block = blocks(): the number of all rows
  virtual int64_t length(int64_t row) const = 0;
  virtual std::shared_ptr<const RowBlock> load(int64_t block) const = 0;  // may read a file, may fail
  int64_t count() const { return first_row(blocks()); }
};

class RowsInMemory : public RowBlocks {
 public:
  explicit RowsInMemory(const std::vector<Row>& rows);  // must outlive this; an error where labels are missing
  int64_t blocks() const override { return 1; }
  int64_t first_row(int64_t block) const override { return block == 0 ? 0 : block_->count(); }
  int64_t length(int64_t row) const override { return block_->length(row); }
  std::shared_ptr<const RowBlock> load(int64_t) const override { return block_; }

 private:
  std::shared_ptr<const RowBlock> block_;
};

}  // namespace hone::data
