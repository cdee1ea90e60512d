// Memory of one device, accounted in one place so that cpu, cuda and meta count alike.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace hone {

// What memory is taken for: a number that whoever plans gives a meaning (trainer/plan/memory.h); 0 where nobody did.
using MemoryKind = uint8_t;
inline constexpr size_t kMemoryKinds = 8;

struct Usage {
  size_t live = 0, peak = 0, allocations = 0;  // bytes, bytes, calls
  size_t pages = 0;                            // bytes of host pages ever used for large blocks; not counted elsewhere
  // By kind: of what is live, and of what was when the peak was reached.
  std::array<size_t, kMemoryKinds> live_of{}, peak_of{};
};

class Allocator {
 public:
  static constexpr size_t kAlignment = 64;
  static size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

  virtual ~Allocator() = default;
  void* allocate(size_t bytes);  // rounded up to kAlignment; null for 0 bytes and on meta
  void free(void* memory, size_t bytes, MemoryKind kind = 0) noexcept;  // kind: what kind() was when it was taken
  Usage usage() const { return usage_; }
  void reset_peak() { usage_.peak = usage_.live, usage_.peak_of = usage_.live_of; }
  MemoryKind kind() const { return kind_; }

  // Copies between the host and this device's memory, in the order of the device's work; complete when they return.
  virtual void to_device(void* device, const void* host, size_t bytes) = 0;
  virtual void to_host(void* host, const void* device, size_t bytes) = 0;

  static std::shared_ptr<Allocator> host();
  static std::shared_ptr<Allocator> none();  // counts, gives no memory: the meta device

 protected:
  virtual void* take(size_t bytes) = 0;
  virtual void give(void* memory, size_t bytes) noexcept = 0;

  friend class MemoryScope;
  Usage usage_;
  MemoryKind kind_ = 0;
};

// What is taken from the allocator while it lives is counted under `kind`.
//   const MemoryScope scope(*stream.allocator(), kBase);
class MemoryScope {
 public:
  MemoryScope(Allocator& allocator, MemoryKind kind) : allocator_(allocator), before_(allocator.kind_) {
    allocator.kind_ = kind;
  }
  ~MemoryScope() { allocator_.kind_ = before_; }
  MemoryScope(const MemoryScope&) = delete;

 private:
  Allocator& allocator_;
  MemoryKind before_;
};

}  // namespace hone
