#include "kernels/core/allocator.h"

#include <cstring>
#include <new>
#include <optional>

#include "kernels/core/arena.h"
#include "kernels/host/error.h"
#include "kernels/host/memory.h"
#include "kernels/host/text.h"

namespace hone {

void* Allocator::allocate(size_t bytes) {
  bytes = rounded(bytes);
  void* memory = bytes == 0 ? nullptr : take(bytes);
  usage_.live += bytes, usage_.live_of[kind_] += bytes;
  if (usage_.live > usage_.peak) usage_.peak = usage_.live, usage_.peak_of = usage_.live_of;
  ++usage_.allocations;
  return memory;
}

void Allocator::free(void* memory, size_t bytes, MemoryKind kind) noexcept {
  usage_.live -= rounded(bytes), usage_.live_of[kind] -= rounded(bytes);
  if (memory) give(memory, rounded(bytes));
}

namespace {
class HostAllocator final : public Allocator {
 public:
  void* take(size_t bytes) override {
    void* memory = nullptr;
    if (bytes < kLarge) {
      memory = ::operator new(bytes, std::align_val_t(kAlignment), std::nothrow);
    } else {
      if (!arena_) arena_.emplace(total_memory());
      memory = arena_->take(bytes);
      usage_.pages = arena_->used_once();
    }
    require(memory != nullptr, ExitCode::memory, "[memory] the host has no ", bytes_text(bytes), " left (",
            bytes_text(usage().live), " are in use here); use a shorter data.max_length or training.recompute: full");
    return memory;
  }
  void give(void* memory, size_t bytes) noexcept override {
    if (bytes < kLarge) return ::operator delete(memory, std::align_val_t(kAlignment));
    arena_->give(memory, bytes);
  }
  void to_device(void* device, const void* host, size_t bytes) override {
    if (bytes > 0) std::memcpy(device, host, bytes);
  }
  void to_host(void* host, const void* device, size_t bytes) override {
    if (bytes > 0) std::memcpy(host, device, bytes);
  }

 private:
  static constexpr size_t kLarge = size_t(64) << 10;  // smaller ones are the C++ library's business
  std::optional<Arena> arena_;
};
struct NoAllocator final : Allocator {
  void* take(size_t) override { return nullptr; }
  void give(void*, size_t) noexcept override {}
  void to_device(void*, const void*, size_t) override {}
  void to_host(void* host, const void*, size_t bytes) override {
    if (bytes > 0) std::memset(host, 0, bytes);
  }
};
}  // namespace

std::shared_ptr<Allocator> Allocator::host() { return std::make_shared<HostAllocator>(); }
std::shared_ptr<Allocator> Allocator::none() { return std::make_shared<NoAllocator>(); }

}  // namespace hone
