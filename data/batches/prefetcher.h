// Makes the batches of the coming steps on a thread of its own, so that a step finds its data waiting.
//   Prefetcher ahead(batches, {.last = total_steps});
//   ahead.start(resumed);                       // while the base is loaded
//   for (int64_t step = resumed; step < total_steps; ++step) train(ahead.step(step));
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "data/batches/batches.h"

namespace hone::data {

struct PrefetchOptions {
  int64_t last = INT64_MAX;         // this step and later ones are not made ahead
  size_t bytes = size_t(64) << 20;  // of batches that wait
  size_t steps = 64;                // that wait; two are always allowed, whatever their size
};

class Prefetcher {
 public:
  using Options = PrefetchOptions;
  explicit Prefetcher(const Batches& batches, const PrefetchOptions& options = {});  // `batches` must outlive this
  Prefetcher(const Prefetcher&) = delete;
  ~Prefetcher();
  // Begins to make this step and those after it, and does not wait; nothing where they are being made already.
  void start(int64_t step);
  // What batches.step(step) gives, or throws. Waits for it where it is not there yet; another step than the next one
  // begins anew from there.
  std::vector<Batch> step(int64_t step);
  size_t waiting() const;  // steps that are made

 private:
  struct Made {
    int64_t step = 0;
    size_t bytes = 0;
    std::vector<Batch> batches;
    std::exception_ptr error;
  };
  void work();
  bool has_room() const;
  void start_locked(int64_t step);

  const Batches& batches_;
  const PrefetchOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable made_, taken_;
  std::deque<Made> waiting_;
  size_t bytes_ = 0;   // of what waits
  int64_t next_ = -1;  // to be made; -1: nothing was asked for yet
  bool stop_ = false;
  std::thread worker_;
};

}  // namespace hone::data
