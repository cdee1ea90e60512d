#include "data/batches/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/host/error.h"

namespace hone::data {

namespace {
// `length(row)` and `copy(row, tokens, labels)` as in RowBlock.
template <class Length, class Copy>
Batch join_rows(std::span<const int64_t> indices, Length&& length, Copy&& copy) {
  Batch batch;
  int64_t total = 0;
  for (const int64_t index : indices) total += length(index);
  require(total <= INT32_MAX, ExitCode::usage, "a micro-batch of ", total,
          " tokens is more than a batch can hold; lower micro_batch_size or max_length");
  batch.tokens.resize(size_t(total)), batch.positions.resize(size_t(total)), batch.labels.resize(size_t(total));
  int64_t at = 0;
  for (const int64_t index : indices) {
    const int64_t count = length(index);
    batch.starts.push_back(int32_t(at));
    batch.rows.push_back(index);
    if (count == 0) continue;
    int32_t* labels = batch.labels.data() + at;
    copy(index, batch.tokens.data() + at, labels);
    std::copy(labels + 1, labels + count, labels);  // to where they are predicted
    labels[count - 1] = kNotLearned;
    std::iota(batch.positions.begin() + at, batch.positions.begin() + at + count, 0);
    at += count;
  }
  batch.starts.push_back(int32_t(total));
  batch.documents = int64_t(indices.size());
  batch.targets = total - std::count(batch.labels.begin(), batch.labels.end(), kNotLearned);
  return batch;
}
}  // namespace

Batch join(const std::vector<Row>& rows, std::span<const int64_t> indices) {
  return join_rows(
      indices, [&](int64_t row) { return int64_t(rows.at(size_t(row)).tokens.size()); },
      [&](int64_t row, int32_t* tokens, int32_t* labels) {
        std::ranges::copy(rows[size_t(row)].tokens, tokens);
        std::ranges::copy(rows[size_t(row)].labels, labels);
      });
}

Batches::Batches(const std::vector<Row>& rows, const BatchOptions& options)
    : Batches(std::make_unique<RowsInMemory>(rows), options) {}

Batches::Batches(std::unique_ptr<const RowBlocks> own, const BatchOptions& options) : Batches(*own, options) {
  own_ = std::move(own);
}

Batches::Batches(const RowBlocks& rows, const BatchOptions& options) : rows_(rows), options_(options) {
  const int64_t count = rows.count();
  require(count > 0, ExitCode::input, "no rows to train on");
  require(options.max_length >= 1 && options.micro_batch_size >= 1 && options.batch_tokens >= 0 &&
              (options.accumulation >= 1 || options.batch_tokens > 0),
          ExitCode::usage, "max_length, micro_batch_size and gradient_accumulation_steps must be at least 1, got ",
          options.max_length, ", ", options.micro_batch_size, " and ", options.accumulation);
  for (int64_t row = 0; row < count; ++row) {
    const int64_t length = rows.length(row);
    require(length >= 1 && length <= options.max_length, "[batches] a row must have 1 to ", options.max_length,
            " tokens, got ", length);
    tokens_ += length, longest_ = std::max(longest_, length);
  }
  micro_batch_size_ = options.micro_batch_size, accumulation_ = options.accumulation;
  if (options.batch_tokens > 0) {
    if (options.packing) micro_batch_size_ = 1;
    const double micro =
        options.packing ? double(options.max_length) : double(tokens_) / double(count) * double(micro_batch_size_);
    accumulation_ = std::max<int64_t>(1, std::llround(double(options.batch_tokens) / micro));
  }
}

// Which blocks come together, and how many packed rows they make.
const Batches::Epoch& Batches::plan(int64_t epoch) const {
  if (const auto found = epochs_.find(epoch); found != epochs_.end()) return found->second;
  Epoch made;
  std::vector<int64_t> order(size_t(rows_.blocks()));
  std::iota(order.begin(), order.end(), 0);
  if (tokens_ > options_.window_tokens && options_.shuffle)
    order = permutation(rows_.blocks(), options_.seed, epoch, kOrderOfBlocks);
  int64_t held = 0;
  for (const int64_t block : order) {
    int64_t tokens = 0;
    for (int64_t row = rows_.first_row(block); row < rows_.first_row(block + 1); ++row) tokens += rows_.length(row);
    if (made.windows.empty() || held + tokens > options_.window_tokens) made.windows.emplace_back(), held = 0;
    made.windows.back().push_back(block), held += tokens;
  }
  made.first.push_back(0);
  for (size_t w = 0; w < made.windows.size(); ++w) {
    std::ranges::sort(made.windows[w]);
    made.first.push_back(made.first.back() + int64_t(window(epoch, int64_t(w), made.windows[w])->rows.size()));
  }
  constexpr size_t kMostEpochs = 8;
  while (epochs_.size() >= kMostEpochs) epochs_.erase(epochs_.begin());
  return epochs_.emplace(epoch, std::move(made)).first->second;
}

std::shared_ptr<const Batches::Window> Batches::window(int64_t epoch, int64_t number,
                                                       const std::vector<int64_t>& blocks) const {
  if (window_ && window_->epoch == epoch && window_->number == number) return window_;
  std::vector<int64_t> in_file_order;
  for (const int64_t block : blocks)
    for (int64_t row = rows_.first_row(block); row < rows_.first_row(block + 1); ++row) in_file_order.push_back(row);
  const int64_t count = int64_t(in_file_order.size());
  std::vector<Document> documents;
  documents.reserve(size_t(count));
  const auto take = [&](int64_t i) {
    documents.push_back({in_file_order[size_t(i)], rows_.length(in_file_order[size_t(i)])});
  };
  if (options_.shuffle)
    for (const int64_t i : permutation(count, options_.seed, epoch, uint32_t(number))) take(i);
  else
    for (int64_t i = 0; i < count; ++i) take(i);
  Window made{epoch, number, {}};
  if (options_.packing) {
    made.rows = options_.packing_method == PackingMethod::best_fit ? pack(documents, options_.max_length)
                                                                   : pack_in_order(documents, options_.max_length);
  } else {
    for (const Document& document : documents) made.rows.push_back({document.index});
  }
  window_ = std::make_shared<const Window>(std::move(made));
  return window_;
}

std::shared_ptr<const Batches::Loaded> Batches::load(int64_t epoch, int64_t number) const {
  if (loaded_ && loaded_->window->epoch == epoch && loaded_->window->number == number) return loaded_;
  const std::vector<int64_t> blocks = plan(epoch).windows[size_t(number)];
  const bool whole =
      loaded_ && int64_t(loaded_->blocks.size()) == rows_.blocks();  // the next epoch has the same blocks
  auto made = std::make_shared<Loaded>(whole ? *loaded_ : Loaded{});
  loaded_ = nullptr;  // one window in memory, not two
  made->window = window(epoch, number, blocks);
  if (!whole)
    for (const int64_t block : blocks) made->blocks.emplace_back(rows_.first_row(block), rows_.load(block));
  loaded_ = made;
  return loaded_;
}

std::vector<std::vector<int64_t>> Batches::epoch(int64_t epoch) const {
  const std::lock_guard lock(mutex_);
  const std::vector<std::vector<int64_t>> windows = plan(epoch).windows;
  std::vector<std::vector<int64_t>> all;
  for (size_t w = 0; w < windows.size(); ++w) {
    const PackedRows& rows = window(epoch, int64_t(w), windows[w])->rows;
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

int64_t Batches::steps_before(int64_t epoch) const {
  require(epoch >= 0, "[batches] epoch must not be negative, got ", epoch);
  while (int64_t(steps_before_.size()) <= epoch) {
    const int64_t planned = int64_t(steps_before_.size()) - 1;
    const int64_t steps =
        alike() && planned > 0 ? steps_before_[1] : (plan(planned).first.back() + share() - 1) / share();
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
  std::vector<std::vector<int64_t>> micro;  // rows of each micro-batch
  std::vector<std::shared_ptr<const Loaded>> windows;
  {
    const std::lock_guard lock(mutex_);
    const int64_t first = (step - steps_before(wanted)) * share();  // packed row
    const std::vector<int64_t> begins = plan(wanted).first;
    const int64_t last = std::min(begins.back(), first + share());
    for (int64_t at = first; at < last; ++at) {
      const int64_t number = std::upper_bound(begins.begin(), begins.end(), at) - begins.begin() - 1;
      const std::shared_ptr<const Loaded> loaded = load(wanted, number);
      if (windows.empty() || windows.back() != loaded) windows.push_back(loaded);
      if ((at - first) % micro_batch_size_ == 0) micro.emplace_back();
      const std::vector<int64_t>& packed = loaded->window->rows[size_t(at - begins[size_t(number)])];
      micro.back().insert(micro.back().end(), packed.begin(), packed.end());
    }
  }
  // A row's block, and its place there.
  const auto find = [&](int64_t row) -> std::pair<const RowBlock*, int64_t> {
    for (const auto& loaded : windows) {
      auto block = std::upper_bound(loaded->blocks.begin(), loaded->blocks.end(), row,
                                    [](int64_t wanted_row, const auto& entry) { return wanted_row < entry.first; });
      if (block == loaded->blocks.begin()) continue;
      --block;
      if (row < block->first + block->second->count()) return {block->second.get(), row - block->first};
    }
    fail("[batches] row ", row, " lies in no block that was read");
  };
  std::vector<Batch> batches;
  for (const std::vector<int64_t>& rows : micro)
    batches.push_back(join_rows(
        rows,
        [&](int64_t row) {
          const auto [block, index] = find(row);
          return block->length(index);
        },
        [&](int64_t row, int32_t* tokens, int32_t* labels) {
          const auto [block, index] = find(row);
          block->copy(index, tokens, labels);
        }));
  return batches;
}

std::optional<Packed> Batches::packed() const {
  if (!options_.packing) return {};
  const std::lock_guard lock(mutex_);
  const int64_t rows = plan(0).first.back();
  return Packed{rows, options_.max_length, 1 - double(tokens_) / (double(rows) * double(options_.max_length))};
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
