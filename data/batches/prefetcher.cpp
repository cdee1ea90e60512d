#include "data/batches/prefetcher.h"

namespace hone::data {

namespace {
size_t bytes_of(const std::vector<Batch>& batches) {
  size_t bytes = 0;
  for (const Batch& batch : batches)
    bytes += 3 * batch.tokens.size() * sizeof(int32_t) + batch.rows.size() * (sizeof(int64_t) + sizeof(int32_t));
  return bytes;
}
}  // namespace

Prefetcher::Prefetcher(const Batches& batches, const PrefetchOptions& options)
    : batches_(batches), options_(options), worker_([this] { work(); }) {}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  taken_.notify_one();
  worker_.join();
}

bool Prefetcher::has_room() const {
  return next_ >= 0 && next_ < options_.last &&
         (waiting_.size() < 2 || (waiting_.size() < options_.steps && bytes_ < options_.bytes));
}

void Prefetcher::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    taken_.wait(lock, [this] { return stop_ || has_room(); });
    if (stop_) return;
    Made made{.step = next_, .bytes = 0, .batches = {}, .error = {}};
    lock.unlock();
    try {
      made.batches = batches_.step(made.step);
      made.bytes = bytes_of(made.batches);
    } catch (...) {
      made.error = std::current_exception();
    }
    lock.lock();
    if (made.step != next_) continue;  // another step was asked for meanwhile
    ++next_;
    bytes_ += made.bytes;
    waiting_.push_back(std::move(made));
    made_.notify_one();
  }
}

void Prefetcher::start_locked(int64_t step) {
  const int64_t coming = waiting_.empty() ? next_ : waiting_.front().step;
  if (coming == step) return;
  waiting_.clear();
  bytes_ = 0, next_ = step;
  taken_.notify_one();
}

void Prefetcher::start(int64_t step) {
  const std::lock_guard lock(mutex_);
  start_locked(step);
}

size_t Prefetcher::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

std::vector<Batch> Prefetcher::step(int64_t step) {
  if (step >= options_.last) return batches_.step(step);
  std::unique_lock lock(mutex_);
  start_locked(step);
  made_.wait(lock, [this] { return !waiting_.empty(); });
  Made made = std::move(waiting_.front());
  waiting_.pop_front();
  bytes_ -= made.bytes;
  taken_.notify_one();
  if (made.error) {
    waiting_.clear();
    bytes_ = 0, next_ = -1;
    std::rethrow_exception(made.error);
  }
  return std::move(made.batches);
}

}  // namespace hone::data
