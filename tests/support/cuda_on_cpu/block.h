// CUDA thread blocks on the CPU: every thread of a block is a fiber, blocks run one after another, on the calling
// thread. What kernels (through cuda_runtime.h, ptx.cuh, shared.cuh of this folder) and tests call:
//   settings().order = Order::descending;
//   launch(stream, kernel, …);                     // throws DeviceFault: kernel, block, thread, file:line, who waits
//   where EXPECT_EQ(ledger().barriers, 3);
#pragma once
#include <vector_types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/core/where.h"

namespace hone::cuda_on_cpu {

class DeviceFault : public std::runtime_error {
  using runtime_error::runtime_error;
};

enum class Order { ascending, descending, random };  // which ready thread of a block runs next, and which block
enum class Arrival { lazy, eager, random };          // when a cp.async lands: at its wait, at once, or either

struct Settings {
  Order order = Order::ascending;
  Arrival arrival = Arrival::lazy;
  uint64_t seed = 1;
};
Settings& settings();

// What the launches of this thread did since it was last cleared. Exact and repeatable, so a test can state it.
struct Ledger {
  uint64_t launches = 0, blocks = 0, threads = 0, switches = 0, barriers = 0, collectives = 0;
  uint64_t mma = 0, copy_async = 0;
  uint64_t ldmatrix = 0, ldmatrix_phases = 0;  // phases: passes over the banks of shared memory, 4 a call at best
};
Ledger& ledger();

struct AsyncCopy {
  void* to;          // null: has landed
  const void* from;  // null: zeros
};

struct Thread {
  uint3 index{};
  unsigned linear = 0, lane = 0, warp = 0;
  unsigned rank = 0;  // its place in the order of this block
  enum class State { ready, waiting, finished } state = State::ready;
  const char* waits_for = "";
  Where where{};
  struct Fiber* fiber = nullptr;
  std::vector<AsyncCopy> open_group;  // issued, not committed
  std::vector<std::vector<AsyncCopy>> groups;
};

extern constinit thread_local Thread* self;  // the running CUDA thread; null in host code
[[noreturn]] void fault(const std::string& what);

void block_barrier(Where where);

// Every lane of `mask` arrives at the same call; the last one runs `perform` on the arguments of all, then all go on.
using Perform = void (*)(unsigned mask, void* const* arguments);
void warp_collective(unsigned mask, const char* name, Where where, void* arguments, Perform perform,
                     bool orders_memory = false);

// The ordinal-th array of the block's dynamic shared memory, of its exact size; carved_before: bytes of those before
// it.
void* shared_array(size_t ordinal, size_t bytes, size_t carved_before);
void* static_shared(const void* key, size_t bytes);
bool in_shared(const void* p, size_t bytes);

void copy_async(void* to, const void* from, size_t bytes, bool valid);
void copy_async_commit();
void copy_async_wait(int pending);

void run_grid(const char* kernel, dim3 grid, dim3 block, size_t dynamic_shared_bytes,
              const std::function<void()>& body);

}  // namespace hone::cuda_on_cpu
