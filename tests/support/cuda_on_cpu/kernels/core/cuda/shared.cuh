// The emulated twin of kernels/core/cuda/shared.cuh.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>

namespace hone::kernels::cuda {

constexpr std::size_t kSharedAlignment = 128;

template <class T>
constexpr std::size_t shared_bytes(std::size_t count) {
  return (count * sizeof(T) + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment;
}

class SharedMemory {  // every array is a heap block of its exact size: an overrun of one array is seen even inside the
                      // block
 public:
  template <class T>
  T* array(int count) {
    std::size_t bytes = sizeof(T) * static_cast<std::size_t>(count);
    T* first = static_cast<T*>(cuda_on_cpu::shared_array(ordinal_++, bytes, carved_));
    carved_ += shared_bytes<T>(static_cast<std::size_t>(count));
    return first;
  }

 private:
  std::size_t ordinal_ = 0, carved_ = 0;
};

template <class T>
T& block_shared() {
  static const char key = 0;
  return *static_cast<T*>(cuda_on_cpu::static_shared(&key, sizeof(T)));
}

}  // namespace hone::kernels::cuda
