// run_on<&cpu::f, &cuda::f>(stream, …): the only dispatch there is. meta returns at once, having counted the call where
// somebody counts (kernels/core/work.h).
// An op without CUDA kernels declares its cuda functions like any other; no x_cuda.cu beside its x.cpp, and a call on a
// cuda stream says
// "[f] has no CUDA kernel in this build".
#pragma once
#include <string_view>
#include <utility>

#include "kernels/core/work.h"
#include "kernels/host/error.h"

// 1 in an x.cpp whose x_cuda.cu is part of the build (tools/cmake/HoneCuda.cmake).
#ifndef HONE_CUDA_TWIN
#define HONE_CUDA_TWIN 0
#endif

namespace hone {

// "rms_norm" of the function hone::kernels::cpu::rms_norm.
template <auto cpu_function>
constexpr std::string_view op_name() {
  std::string_view text = __PRETTY_FUNCTION__;  // "… [with auto cpu_function = hone::kernels::cpu::rms_norm; …]"
  text.remove_prefix(text.find("cpu::") + 5);
  return text.substr(0, text.find_first_of(";]<("));
}

// static: what it does differs from source to source (HONE_CUDA_TWIN).
template <auto cpu_function, auto cuda_function, class... Args>
static void run_on(Stream& stream, Args&&... args) {
  static_assert(std::is_same_v<decltype(cpu_function), decltype(cuda_function)>, "one signature for both devices");
  switch (stream.device().type) {
    case DeviceType::cpu:
      return cpu_function(stream, std::forward<Args>(args)...);
    case DeviceType::meta:
      if (Work* const work = stream.work()) {
        if constexpr (HONE_CUDA_TWIN) {
          work->add<cpu_function, cuda_function>(op_name<cpu_function>(), args...);
        } else {
          work->add<cpu_function, nullptr>(op_name<cpu_function>(), args...);
        }
      }
      return;
    case DeviceType::cuda:
      if constexpr (HONE_CUDA_TWIN) {
        return cuda_function(stream, std::forward<Args>(args)...);
      } else {
        fail(ExitCode::gpu, '[', op_name<cpu_function>(), "] has no CUDA kernel in this build; run it on the CPU");
      }
  }
}

}  // namespace hone
