// Memory of one device, accounted in one place so that cpu, cuda and meta count alike.
#pragma once
#include <cstddef>
#include <memory>

namespace hone {

struct Usage {
  size_t live = 0, peak = 0, allocations = 0;  // bytes, bytes, calls
  size_t pages = 0;                            // bytes of host pages ever used for large blocks; not counted elsewhere
};

class Allocator {
 public:
  static constexpr size_t kAlignment = 64;
  static size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

  virtual ~Allocator() = default;
  void* allocate(size_t bytes);  // rounded up to kAlignment; null for 0 bytes and on meta
  void free(void* memory, size_t bytes) noexcept;
  Usage usage() const { return usage_; }
  void reset_peak() { usage_.peak = usage_.live; }

  // Copies between the host and this device's memory, in the order of the device's work; complete when they return.
  virtual void to_device(void* device, const void* host, size_t bytes) = 0;
  virtual void to_host(void* host, const void* device, size_t bytes) = 0;

  static std::shared_ptr<Allocator> host();
  static std::shared_ptr<Allocator> none();  // counts, gives no memory: the meta device

 protected:
  virtual void* take(size_t bytes) = 0;
  virtual void give(void* memory, size_t bytes) noexcept = 0;

  Usage usage_;
};

}  // namespace hone
