#include "fiber.h"

#include <sys/mman.h>

#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(CUDA_ON_CPU_TSAN)
#include <sanitizer/tsan_interface.h>
extern "C" void AnnotateIgnoreReadsBegin(const char*, int);
extern "C" void AnnotateIgnoreReadsEnd(const char*, int);
extern "C" void AnnotateIgnoreWritesBegin(const char*, int);
extern "C" void AnnotateIgnoreWritesEnd(const char*, int);
#endif

namespace hone::cuda_on_cpu {

namespace {
constexpr size_t kStack = 256 * 1024, kGuard = 64 * 1024;  // a page is at most 64 KiB, on Arm
}  // namespace

Fiber::~Fiber() {
  if (owns_stack) ::munmap(stack - kGuard, kStack + kGuard);
}

void Fiber::prepare(void (*entry)(boost::context::detail::transfer_t)) {
  if (!owns_stack) {
    void* const base =
        ::mmap(nullptr, kStack + kGuard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED || ::mprotect(base, kGuard, PROT_NONE) != 0) std::abort();
    stack = static_cast<char*>(base) + kGuard;
    stack_size = kStack;
    owns_stack = true;
  }
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stack, stack_size);
#endif
#if defined(CUDA_ON_CPU_TSAN)
  if (tsan) __tsan_destroy_fiber(tsan);
  tsan = __tsan_create_fiber(0);
#endif
  context = boost::context::detail::make_fcontext(stack + stack_size, stack_size, entry);
  prepared = true;
}

void switch_fiber(Fiber& from, Fiber& to) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_size);
#endif
#if defined(CUDA_ON_CPU_TSAN)
  __tsan_switch_to_fiber(to.tsan, __tsan_switch_to_fiber_no_sync);
#endif
  const boost::context::detail::transfer_t back = boost::context::detail::jump_fcontext(to.context, &from);
  static_cast<Fiber*>(back.data)->context = back.fctx;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

Fiber& arrive(boost::context::detail::transfer_t transfer, [[maybe_unused]] Fiber& host) {
  Fiber& from = *static_cast<Fiber*>(transfer.data);
  from.context = transfer.fctx;
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  size_t size = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
  if (&from == &host) {  // its bounds, for the way back
    host.stack = static_cast<char*>(const_cast<void*>(bottom));
    host.stack_size = size;
  }
#endif
  return from;
}

void release_order([[maybe_unused]] void* tag) {
#if defined(CUDA_ON_CPU_TSAN)
  __tsan_release(tag);
#endif
}
void acquire_order([[maybe_unused]] void* tag) {
#if defined(CUDA_ON_CPU_TSAN)
  __tsan_acquire(tag);
#endif
}
void adopt_thread([[maybe_unused]] Fiber& host) {
#if defined(CUDA_ON_CPU_TSAN)
  host.tsan = __tsan_get_current_fiber();
#endif
}

UnseenAccess::UnseenAccess() {
#if defined(CUDA_ON_CPU_TSAN)
  AnnotateIgnoreReadsBegin("", 0);
  AnnotateIgnoreWritesBegin("", 0);
#endif
}
UnseenAccess::~UnseenAccess() {
#if defined(CUDA_ON_CPU_TSAN)
  AnnotateIgnoreWritesEnd("", 0);
  AnnotateIgnoreReadsEnd("", 0);
#endif
}

}  // namespace hone::cuda_on_cpu
