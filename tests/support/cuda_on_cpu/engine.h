// The state of the block that runs: block.cpp moves its threads, memory.cpp its shared memory.
#pragma once
#include <memory>
#include <random>

#include "block.h"
#include "fiber.h"

namespace hone::cuda_on_cpu {

struct Collective {  // a call that lanes of one mask have arrived at
  unsigned mask = 0, arrived = 0;
  const char* name = nullptr;
  Where where{};
  void* arguments[32]{};
  Perform perform = nullptr;
};

struct Warp {
  Collective pending[4];
  unsigned gone = 0;  // lanes that returned or never were
  char tag[2]{};      // of __syncwarp, in turn
  int phase = 0;
};

struct Array {
  void* data;
  size_t bytes;
  const void* key;  // of block_shared; null for SharedMemory
};

struct Unwind {};  // thrown through a thread's stack when its block ends with a fault; no std::exception, device code
                   // must not catch it

class Engine {
 public:
  void run_grid(const char* kernel_name, dim3 grid, dim3 block, size_t shared_bytes,
                const std::function<void()>& kernel);
  // Ends the block: this thread and then every other unwinds its stack, so nothing leaks; run_block throws to the host.
  [[noreturn]] void stop(const std::string& what);
  void mark_ready(Thread& thread);
  void wait_for_others();      // the running thread waits until somebody marks it ready
  void give_way();             // the running thread is ready too, and goes on when the order has it next
  std::string report() const;  // who waits where

  std::vector<Thread> threads;
  std::vector<Warp> warps;
  unsigned done = 0, at_barrier = 0;
  Where barrier_where{};
  int barrier_phase = 0;
  char barrier_tag[2]{};
  std::vector<Array> arrays, statics;
  size_t dynamic_bytes = 0;

 private:
  static void entry(boost::context::detail::transfer_t transfer);
  void run_block(std::mt19937_64& random);
  void arrange(std::mt19937_64& random);
  void resize(dim3 block);
  Thread* pick();
  void go_to(Thread& next);
  void finish(Thread& me);
  void release_arrays();

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Thread*> by_rank_;
  uint64_t ready_[16]{};  // a bit a rank
  unsigned count_ = 0;
  char grid_start_ = 0, grid_end_ = 0;
  const std::function<void()>* body_ = nullptr;
  const char* kernel_ = "";
  std::string fault_text_;
  bool unwinding_ = false;
  Fiber host_;
};

Engine& engine();                      // of the calling thread
std::string text(const Where& where);  // "file.cu:12"

}  // namespace hone::cuda_on_cpu
