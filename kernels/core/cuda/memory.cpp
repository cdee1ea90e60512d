#include "kernels/core/cuda/memory.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "kernels/core/cuda/error.h"
#include "kernels/host/text.h"

namespace hone::kernels::cuda {

namespace {

// Page-locked memory through which bytes go to the device: while the copy engine reads one half, the host fills the
// other. The host waits for a half alone, and only when the device is two halves behind.
class Staging {
 public:
  static constexpr size_t kHalf = size_t(16) << 20, kAlignment = 256;

  explicit Staging(cudaStream_t queue) : queue_(queue) {}
  Staging(const Staging&) = delete;
  ~Staging() {
    if (!memory_) return;
    for (const cudaEvent_t event : passed_) {
      (void)cudaEventSynchronize(event);
      (void)cudaEventDestroy(event);
    }
    (void)cudaFreeHost(memory_);
  }

  void copy(void* device, const void* host, size_t bytes) {
    if (!memory_) open();
    const char* from = static_cast<const char*>(host);
    char* to = static_cast<char*>(device);
    while (bytes > 0) {
      if (used_ == kHalf) turn();
      const size_t n = std::min(bytes, kHalf - used_);
      char* const room = memory_ + half_ * kHalf + used_;
      std::memcpy(room, from, n);
      check(cudaMemcpyAsync(to, room, n, cudaMemcpyHostToDevice, queue_), "cudaMemcpyAsync");
      used_ = std::min(kHalf, (used_ + n + kAlignment - 1) / kAlignment * kAlignment);
      from += n, to += n, bytes -= n;
    }
  }

 private:
  void open() {
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, 2 * kHalf, cudaHostAllocDefault), "cudaHostAlloc");
    memory_ = static_cast<char*>(memory);
    for (cudaEvent_t& event : passed_)
      check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  }
  void turn() {
    check(cudaEventRecord(passed_[half_], queue_), "cudaEventRecord");
    half_ = 1 - half_, used_ = 0;
    check(cudaEventSynchronize(passed_[half_]), "cudaEventSynchronize");  // never recorded: returns at once
  }
  cudaStream_t queue_;
  char* memory_ = nullptr;
  std::array<cudaEvent_t, 2> passed_{};
  size_t half_ = 0, used_ = 0;
};

class CudaAllocator final : public Allocator {
 public:
  CudaAllocator(CudaDevice device, size_t budget, std::shared_ptr<void> owner)
      : device_(std::move(device)), budget_(budget), owner_(std::move(owner)), staging_(queue()) {
    check(cudaDeviceGetDefaultMemPool(&pool_, device_.index), "cudaDeviceGetDefaultMemPool");
    uint64_t keep = std::numeric_limits<uint64_t>::max();  // what was given back stays for the next who asks
    check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep), "cudaMemPoolSetAttribute");
  }

  void to_device(void* device, const void* host, size_t bytes) override {
    check(cudaSetDevice(device_.index), "cudaSetDevice");
    staging_.copy(device, host, bytes);
  }
  void to_host(void* host, const void* device, size_t bytes) override {
    if (bytes == 0) return;
    check(cudaSetDevice(device_.index), "cudaSetDevice");
    check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, queue()), "cudaMemcpyAsync");
    check(cudaStreamSynchronize(queue()), "cudaStreamSynchronize");
  }

 protected:
  void* take(size_t bytes) override {
    check(cudaSetDevice(device_.index), "cudaSetDevice");
    void* memory = nullptr;
    cudaError_t error = cudaErrorMemoryAllocation;
    if (usage().live + bytes <= budget_) {
      error = cudaMallocAsync(&memory, bytes, queue());
      if (error == cudaErrorMemoryAllocation) {  // what is free lies in pieces: the pool gives them back, and asks anew
        (void)cudaGetLastError();
        check(cudaStreamSynchronize(queue()), "cudaStreamSynchronize");
        check(cudaMemPoolTrimTo(pool_, 0), "cudaMemPoolTrimTo");
        error = cudaMallocAsync(&memory, bytes, queue());
      }
    }
    if (error == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      fail(ExitCode::memory, "[memory] cuda:", device_.index, " (", device_.name, ") has no ", bytes_text(bytes),
           " left: ", bytes_text(usage().live), " are in use here, ", bytes_text(budget_), " may be",
           device_.unified ? " (what the system could spare when the run began, less a reserve). " : ". ",
           remedy(error));
    }
    check(error, "cudaMallocAsync");
    return memory;
  }
  // Its errors are those of earlier calls: they show at the next launch or copy, and at the end of the program nobody
  // is left to hear them.
  void give(void* memory, size_t) noexcept override {
    (void)cudaSetDevice(device_.index);
    (void)cudaFreeAsync(memory, queue());
  }

 private:
  cudaStream_t queue() const { return static_cast<cudaStream_t>(owner_.get()); }
  CudaDevice device_;
  size_t budget_;
  cudaMemPool_t pool_ = nullptr;
  std::shared_ptr<void> owner_;
  Staging staging_;
};

}  // namespace

std::shared_ptr<Allocator> make_allocator(const CudaDevice& device, size_t budget, std::shared_ptr<void> queue) {
  return std::make_shared<CudaAllocator>(device, budget, std::move(queue));
}

}  // namespace hone::kernels::cuda
