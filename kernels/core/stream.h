// Work on one device, in order. A cpu stream has done the work when the call returns; a cuda stream has queued it, and
// Tensor::to_host waits for it.
//   Stream stream = Stream::cpu(threads);   // or Stream::cuda(0), Stream::meta(DeviceType::cuda)
#pragma once
#include <algorithm>
#include <memory>

#include "kernels/core/allocator.h"
#include "kernels/core/device.h"
#include "kernels/host/thread_pool.h"

namespace hone {

class Work;  // kernels/core/work.h

class Stream {
 public:
  static Stream cpu(int threads = 1);
  // On NVIDIA device `index`. Error (ExitCode::gpu) where this build or this machine has none, with the reason.
  static Stream cuda(int index = 0);
  static Stream meta(DeviceType planned_for = DeviceType::cpu);

  Device device() const { return device_; }
  // The device whose kernels this stream stands for: on meta the one planned for. Ask when scratch sizes differ.
  DeviceType target() const { return target_; }
  const std::shared_ptr<Allocator>& allocator() const { return allocator_; }

  // The device's own name of this queue of work (a cudaStream_t), which kernels/core/cuda asks for; null on cpu and
  // meta.
  void* native() const { return native_.get(); }

  // Returns when the device has done what was queued.
  void wait();

  // Whether kernels read the host's memory where it lies (Tensor::borrowed), at full speed: on the CPU, and on a GPU
  // that shares the CPU's memory and page tables.
  bool reads_host_memory() const { return reads_host_memory_; }

  // Whether attention may go by cuDNN (kernels/attention/attention_library.h): faster on some GPUs, but its gradients'
  // last bits differ from run to run. Not unless asked for.
  bool attention_by_library() const { return attention_by_library_; }
  void set_attention_by_library(bool yes) { attention_by_library_ = yes; }

  // On meta: where kernel calls are counted while it is not null.
  Work* work() const { return work_; }
  void count_into(Work* work) { work_ = work; }

  // For cpu kernels: body(begin, end) over [0, count) in chunks of `grain`; the chunks never depend on the number of
  // threads.
  template <class F>
  void parallel(int64_t count, int64_t grain, F&& body) {
    pool_->run((count + grain - 1) / grain,
               [&](int64_t chunk) { body(chunk * grain, std::min(count, (chunk + 1) * grain)); });
  }

 private:
  Stream(Device device, DeviceType target, std::shared_ptr<Allocator> allocator, int threads,
         std::shared_ptr<void> native = {}, bool reads_host_memory = true)
      : device_(device),
        target_(target),
        allocator_(std::move(allocator)),
        pool_(std::make_unique<ThreadPool>(threads)),
        native_(std::move(native)),
        reads_host_memory_(reads_host_memory) {}
  Device device_;
  DeviceType target_;
  std::shared_ptr<Allocator> allocator_;
  std::unique_ptr<ThreadPool> pool_;
  std::shared_ptr<void> native_;
  bool reads_host_memory_;
  bool attention_by_library_ = false;
  Work* work_ = nullptr;
};

inline Stream Stream::cpu(int threads) {
  return {Device{DeviceType::cpu}, DeviceType::cpu, Allocator::host(), threads};
}
inline Stream Stream::meta(DeviceType target) { return {Device{DeviceType::meta}, target, Allocator::none(), 1}; }

}  // namespace hone
