// cuda streams and their memory. cudaMalloc, never managed memory: migration costs more than it saves.
#include "kernels/core/cuda/error.h"
#include "kernels/core/stream.h"
#include "kernels/host/text.h"

namespace hone {

namespace {

using kernels::cuda::check;

class CudaAllocator final : public Allocator {
 public:
  CudaAllocator(int index, std::shared_ptr<void> queue) : index_(index), queue_(std::move(queue)) {}

  void to_device(void* device, const void* host, size_t bytes) override {
    copy(device, host, bytes, cudaMemcpyHostToDevice);
  }
  void to_host(void* host, const void* device, size_t bytes) override {
    copy(host, device, bytes, cudaMemcpyDeviceToHost);
  }

 protected:
  void* take(size_t bytes) override {
    check(cudaSetDevice(index_), "cudaSetDevice");
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, bytes);
    if (error == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      size_t free = 0, total = 0;
      check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
      fail(ExitCode::memory, "[memory] cuda:", index_, " has no ", bytes_text(bytes), " left (", bytes_text(free),
           " of ", bytes_text(total), " are free, ", bytes_text(usage().live), " are in use here). ",
           kernels::cuda::remedy(error));
    }
    check(error, "cudaMalloc");
    return memory;
  }
  // cudaFree waits for the device, so no kernel still uses the memory. Its errors are those of earlier calls: they show
  // at the next launch or copy, and at the end of the program nobody is left to hear them.
  void give(void* memory, size_t) noexcept override {
    (void)cudaSetDevice(index_);
    (void)cudaFree(memory);
  }

 private:
  void copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) const {
    if (bytes == 0) return;
    const auto queue = static_cast<cudaStream_t>(queue_.get());
    check(cudaSetDevice(index_), "cudaSetDevice");
    check(cudaMemcpyAsync(to, from, bytes, kind, queue), "cudaMemcpyAsync");
    check(cudaStreamSynchronize(queue), "cudaStreamSynchronize");
  }
  int index_;
  std::shared_ptr<void> queue_;  // shared with the stream, which tensors may outlive
};

}  // namespace

Stream Stream::cuda(int index) {
  int count = 0;
  check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  require(index >= 0 && index < count, ExitCode::gpu, "[cuda] there is no device cuda:", index, ", this machine has ",
          count, ". ", kernels::cuda::remedy(cudaErrorInvalidDevice));
  check(cudaSetDevice(index), "cudaSetDevice");
  cudaStream_t queue = nullptr;
  check(cudaStreamCreateWithFlags(&queue, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  const std::shared_ptr<void> owner(queue, [](void* q) { (void)cudaStreamDestroy(static_cast<cudaStream_t>(q)); });
  return {Device{DeviceType::cuda, index}, DeviceType::cuda, std::make_shared<CudaAllocator>(index, owner), 1, owner};
}

}  // namespace hone
