#include "data/batches/batches.h"

#include <algorithm>
#include <cmath>

#include "data/batches/packing.h"
#include "kernels/host/error.h"

namespace hone::data {

Batch join(const std::vector<Row>& rows, std::span<const int64_t> indices) {
  Batch batch;
  int64_t total = 0;
  for (const int64_t index : indices) total += int64_t(rows.at(size_t(index)).tokens.size());
  require(total <= INT32_MAX, ExitCode::usage, "a micro-batch of ", total,
          " tokens is more than a batch can hold; lower micro_batch_size or max_length");
  batch.tokens.reserve(size_t(total)), batch.positions.reserve(size_t(total)), batch.labels.reserve(size_t(total));
  for (const int64_t index : indices) {
    const Row& row = rows[size_t(index)];
    batch.starts.push_back(int32_t(batch.tokens.size()));
    batch.rows.push_back(index);
    batch.tokens.insert(batch.tokens.end(), row.tokens.begin(), row.tokens.end());
    for (size_t i = 0; i < row.tokens.size(); ++i) {
      batch.positions.push_back(int32_t(i));
      batch.labels.push_back(i + 1 < row.tokens.size() ? row.labels[i + 1] : kNotLearned);
    }
  }
  batch.starts.push_back(int32_t(batch.tokens.size()));
  batch.documents = int64_t(indices.size());
  batch.targets = total - std::count(batch.labels.begin(), batch.labels.end(), kNotLearned);
  return batch;
}

Batches::Batches(const std::vector<Row>& rows, const BatchOptions& options) : rows_(rows), options_(options) {
  require(!rows.empty(), ExitCode::input, "no rows to train on");
  require(options.max_length >= 1 && options.micro_batch_size >= 1 && options.batch_tokens >= 0 &&
              (options.accumulation >= 1 || options.batch_tokens > 0),
          ExitCode::usage, "max_length, micro_batch_size and gradient_accumulation_steps must be at least 1, got ",
          options.max_length, ", ", options.micro_batch_size, " and ", options.accumulation);
  int64_t tokens = 0;
  for (const Row& row : rows) {
    require(row.labels.size() == row.tokens.size() && !row.tokens.empty() &&
                int64_t(row.tokens.size()) <= options.max_length,
            "[batches] a row must have 1 to ", options.max_length, " tokens and as many labels, got ",
            row.tokens.size(), " and ", row.labels.size());
    tokens += int64_t(row.tokens.size());
  }
  micro_batch_size_ = options.micro_batch_size, accumulation_ = options.accumulation;
  if (options.batch_tokens > 0) {
    if (options.packing) micro_batch_size_ = 1;
    const double micro =
        options.packing ? double(options.max_length) : double(tokens) / double(rows.size()) * double(micro_batch_size_);
    accumulation_ = std::max<int64_t>(1, std::llround(double(options.batch_tokens) / micro));
  }
}

std::vector<std::vector<int64_t>> Batches::epoch(int64_t epoch) const {
  const int64_t count = int64_t(rows_.size());
  const std::vector<int64_t> order =
      options_.shuffle ? permutation(count, options_.seed, epoch) : std::vector<int64_t>();
  std::vector<Document> documents;
  documents.reserve(rows_.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = options_.shuffle ? order[size_t(i)] : i;
    documents.push_back({index, int64_t(rows_[size_t(index)].tokens.size())});
  }
  if (options_.packing) return pack(documents, options_.max_length);
  std::vector<std::vector<int64_t>> alone;
  alone.reserve(documents.size());
  for (const Document& document : documents) alone.push_back({document.index});
  return alone;
}

std::shared_ptr<const Batches::Plan> Batches::plan(int64_t wanted) const {
  if (!plan_ || plan_->epoch != wanted) plan_ = std::make_shared<const Plan>(Plan{wanted, epoch(wanted)});
  return plan_;
}

int64_t Batches::steps_before(int64_t epoch) const {
  require(epoch >= 0, "[batches] epoch must not be negative, got ", epoch);
  while (int64_t(steps_before_.size()) <= epoch) {
    const int64_t planned = int64_t(steps_before_.size()) - 1;
    const bool alike = planned > 0 && !(options_.packing && options_.shuffle);  // else each packing has its own count
    const int64_t share = micro_batch_size_ * accumulation_;
    const int64_t steps = alike ? steps_before_[1] : (int64_t(plan(planned)->rows.size()) + share - 1) / share;
    steps_before_.push_back(steps_before_.back() + steps);
  }
  return steps_before_[size_t(epoch)];
}

int64_t Batches::steps_in_epoch(int64_t epoch) const {
  const std::lock_guard lock(mutex_);
  return steps_before(epoch + 1) - steps_before(epoch);
}

int64_t Batches::steps_of(double epochs) const {
  require(std::isfinite(epochs) && epochs >= 0 && epochs < 1e6, ExitCode::usage,
          "epochs must lie in 0 … 1,000,000, got ", epochs);
  const std::lock_guard lock(mutex_);
  const int64_t whole = int64_t(epochs);
  const int64_t before = steps_before(whole);
  if (epochs == double(whole)) return before;
  return before + int64_t(std::ceil((epochs - double(whole)) * double(steps_before(whole + 1) - before)));
}

int64_t Batches::epoch_of(int64_t step) const {
  require(step >= 0, "[batches] step must not be negative, got ", step);
  const std::lock_guard lock(mutex_);
  int64_t epoch = 0;
  while (steps_before(epoch + 1) <= step) ++epoch;
  return epoch;
}

std::vector<Batch> Batches::step(int64_t step) const {
  const int64_t wanted = epoch_of(step);
  std::shared_ptr<const Plan> plan_of_epoch;
  int64_t first = 0;  // packed row
  {
    const std::lock_guard lock(mutex_);
    plan_of_epoch = plan(wanted);
    first = (step - steps_before(wanted)) * micro_batch_size_ * accumulation_;
  }
  const int64_t last = std::min(int64_t(plan_of_epoch->rows.size()), first + micro_batch_size_ * accumulation_);
  std::vector<Batch> micro_batches;
  for (int64_t at = first; at < last; at += micro_batch_size_) {
    std::vector<int64_t> indices;
    for (int64_t i = at; i < std::min(at + micro_batch_size_, last); ++i) {
      const std::vector<int64_t>& packed = plan_of_epoch->rows[size_t(i)];
      indices.insert(indices.end(), packed.begin(), packed.end());
    }
    micro_batches.push_back(join(rows_, indices));
  }
  return micro_batches;
}

std::optional<Packed> Batches::packed() const {
  if (!options_.packing) return {};
  const std::lock_guard lock(mutex_);
  double tokens = 0;
  for (const Row& row : rows_) tokens += double(row.tokens.size());
  const int64_t rows = int64_t(plan(0)->rows.size());
  return Packed{rows, options_.max_length, 1 - tokens / (double(rows) * double(options_.max_length))};
}

std::vector<Batch> evaluation_batches(const std::vector<Row>& rows, int64_t tokens) {
  std::vector<Batch> batches;
  std::vector<int64_t> indices;
  int64_t held = 0;
  const auto close = [&] {
    if (!indices.empty()) batches.push_back(join(rows, indices));
    indices.clear(), held = 0;
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t length = int64_t(rows[i].tokens.size());
    if (held + length > tokens) close();
    indices.push_back(int64_t(i)), held += length;
  }
  close();
  return batches;
}

}  // namespace hone::data
