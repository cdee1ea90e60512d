// Fibers of Boost.Context, with what the sanitizers want to know of them. Sources that include this are compiled
// without the thread sanitizer's instrumentation: the order in which fibers happen to run must not look like
// synchronisation.
#pragma once
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

namespace hone::cuda_on_cpu {

// A stack of its own with a guard page, and where its execution stands. The host's thread is a Fiber without a stack.
struct Fiber {
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  ~Fiber();
  // Makes a new fiber that runs entry(transfer) at its first switch; entry never returns.
  void prepare(void (*entry)(boost::context::detail::transfer_t));

  bool prepared = false, owns_stack = false;
  boost::context::detail::fcontext_t context = nullptr;
  char* stack = nullptr;
  size_t stack_size = 0;
  void* fake_stack = nullptr;  // the address sanitizer's
  void* tsan = nullptr;        // the thread sanitizer's
};

void switch_fiber(Fiber& from, Fiber& to);
// The first thing in entry(): completes the switch that came here. Returns the fiber it came from.
Fiber& arrive(boost::context::detail::transfer_t transfer, Fiber& host);

// The thread sanitizer's happens-before, for barriers that order memory. Nothing in other builds.
void release_order(void* tag);
void acquire_order(void* tag);
void adopt_thread(Fiber& host);  // host stands for the calling thread
// Accesses inside are no accesses of the program.
struct UnseenAccess {
  UnseenAccess();
  ~UnseenAccess();
  UnseenAccess(const UnseenAccess&) = delete;
};

}  // namespace hone::cuda_on_cpu
