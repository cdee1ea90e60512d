// CUDA's error codes as our exceptions, which name the call, its place and what to do:
//   check(cudaMemcpyAsync(…), "cudaMemcpyAsync");
//   →  [cuda] cudaMemcpyAsync at device.cpp:47: an illegal memory access was encountered (cudaErrorIllegalAddress). …
#pragma once
#include <cuda_runtime.h>

#include "kernels/core/where.h"
#include "kernels/host/error.h"

namespace hone::kernels::cuda {

inline const char* remedy(cudaError_t error) {
  switch (error) {
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
      return "Does nvidia-smi list the device, and does CUDA_VISIBLE_DEVICES allow it?";
    case cudaErrorInsufficientDriver:
      return "The NVIDIA driver is missing or older than the toolkit this program was built with: update the driver.";
    case cudaErrorNoKernelImageForDevice:
      return "This program was built for other GPUs: configure with -DCMAKE_CUDA_ARCHITECTURES for this one.";
    case cudaErrorMemoryAllocation:
      return "Use a shorter data.max_length or training.recompute: full, or end what else uses the GPU (nvidia-smi).";
    default:
      return "The cause may be an earlier call: run again with CUDA_LAUNCH_BLOCKING=1. `dmesg | grep -i xid` shows "
             "whether the GPU itself failed; if it did not, please report this.";
  }
}

// Error: ExitCode::memory when the device has no memory left, else ExitCode::gpu. The runtime's own note of the error
// is cleared, so that the next call does not report it again (an error that ends the context stays).
inline void check(cudaError_t error, const char* call, Where where = Where::here()) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();
  fail(error == cudaErrorMemoryAllocation ? ExitCode::memory : ExitCode::gpu, "[cuda] ", call, " at ", where.name(),
       ':', where.line, ": ", cudaGetErrorString(error), " (", cudaGetErrorName(error), "). ", remedy(error));
}

}  // namespace hone::kernels::cuda
