// run_on<&cpu::f, &cuda::f>(stream, …): the only dispatch there is. meta returns at once.
#pragma once
#include <utility>

#include "kernels/core/stream.h"
#include "kernels/host/error.h"

#ifndef HONE_HAS_CUDA
#define HONE_HAS_CUDA 0
#endif

namespace hone {

inline constexpr bool kHasCuda = HONE_HAS_CUDA;

template <auto cpu_function, auto cuda_function, class... Args>
void run_on(Stream& stream, Args&&... args) {
  static_assert(std::is_same_v<decltype(cpu_function), decltype(cuda_function)>, "one signature for both devices");
  switch (stream.device().type) {
    case DeviceType::cpu:
      return cpu_function(stream, std::forward<Args>(args)...);
    case DeviceType::meta:
      return;
    case DeviceType::cuda:
      if constexpr (kHasCuda) return cuda_function(stream, std::forward<Args>(args)...);
      fail("[device] this build has no CUDA; configure with HONE_CUDA=ON");
  }
}

}  // namespace hone
