#include "data/batches/row_blocks.h"

#include <algorithm>

#include "kernels/host/error.h"

namespace hone::data {

namespace {
class Block : public RowBlock {
 public:
  explicit Block(const std::vector<Row>& rows) : rows_(rows) {}
  int64_t count() const override { return int64_t(rows_.size()); }
  int64_t length(int64_t row) const override { return int64_t(rows_[size_t(row)].tokens.size()); }
  void copy(int64_t row, int32_t* tokens, int32_t* labels) const override {
    std::ranges::copy(rows_[size_t(row)].tokens, tokens);
    std::ranges::copy(rows_[size_t(row)].labels, labels);
  }

 private:
  const std::vector<Row>& rows_;
};
}  // namespace

RowsInMemory::RowsInMemory(const std::vector<Row>& rows) : block_(std::make_shared<Block>(rows)) {
  for (const Row& row : rows)
    require(row.labels.size() == row.tokens.size(), "[batches] a row must have as many labels as tokens, got ",
            row.labels.size(), " and ", row.tokens.size());
}

}  // namespace hone::data
