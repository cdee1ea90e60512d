// How many blocks of a kernel a multiprocessor holds at once, by NVIDIA's own calculation: tools/kernel_ledger asks, one
// kernel a line, `90a|121a threads registers static dynamic` (shared memory in bytes), and gets one number a line.
#include <cuda_occupancy.h>

#include <iostream>
#include <string>

namespace {

cudaOccDeviceProp device(bool gb10) {
  cudaOccDeviceProp p;
  p.computeMajor = gb10 ? 12 : 9;
  p.computeMinor = gb10 ? 1 : 0;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsPerMultiprocessor = gb10 ? 1536 : 2048;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.sharedMemPerBlock = 48 * 1024;
  p.sharedMemPerMultiprocessor = gb10 ? 100 * 1024 : 228 * 1024;
  p.sharedMemPerBlockOptin = gb10 ? 99 * 1024 : 227 * 1024;
  p.reservedSharedMemPerBlock = 1024;
  p.numSms = gb10 ? 48 : 132;
  return p;
}

}  // namespace

int main() {
  std::string target;
  int threads = 0, registers = 0;
  size_t fixed = 0, dynamic = 0;
  while (std::cin >> target >> threads >> registers >> fixed >> dynamic) {
    const cudaOccDeviceProp p = device(target == "121a");
    cudaOccFuncAttributes kernel;
    kernel.maxThreadsPerBlock = 1024;
    kernel.numRegs = registers;
    kernel.sharedSizeBytes = fixed;
    kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
    kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
    kernel.maxDynamicSharedSizeBytes = p.sharedMemPerBlockOptin;
    kernel.numBlockBarriers = 1;
    const cudaOccDeviceState state;
    cudaOccResult result;
    const cudaOccError error = cudaOccMaxActiveBlocksPerMultiprocessor(&result, &p, &kernel, &state, threads, dynamic);
    std::cout << (error == CUDA_OCC_SUCCESS ? result.activeBlocksPerMultiprocessor : 0) << '\n';
  }
}
