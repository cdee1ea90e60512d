// Shared memory: the only way to it (a plain __shared__ does not compile in the emulated build, which has its own file
// of this name).
//   SharedMemory shared;
//   float* const partial = shared.array<float>(8);      // launched with shared_bytes<float>(8)
//   State& state = block_shared<State>();               // fixed and small, no bytes at the launch
#pragma once
#ifndef __CUDACC__
#error \
    "compiled by the host's compiler, this is tests/support/cuda_on_cpu/kernels/core/cuda/shared.cuh; look at the order of include folders"
#endif
#include <cuda_runtime.h>

#include <cstddef>

namespace hone::kernels::cuda {

inline constexpr std::size_t kSharedAlignment = 128;

template <class T>
__host__ __device__ constexpr std::size_t shared_bytes(std::size_t count) {
  return (count * sizeof(T) + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment;
}

// Carves the launch's dynamic shared memory into arrays, each 128-byte aligned and uninitialised. Every thread of the
// block makes the same calls in the same order.
class SharedMemory {
 public:
  __device__ SharedMemory() {
    extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
    next_ = dynamic_shared_memory;
  }
  template <class T>
  __device__ T* array(int count) {
    T* const first = reinterpret_cast<T*>(next_);
    next_ += shared_bytes<T>(count);
    return first;
  }

 private:
  unsigned char* next_;
};

// One object of T per block, uninitialised; T is a struct of the kernel's own.
template <class T>
__device__ T& block_shared() {
  __shared__ T storage;
  return storage;
}

}  // namespace hone::kernels::cuda
