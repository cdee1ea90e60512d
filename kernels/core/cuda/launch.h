// Starting kernels: the only way to do it (no <<<>>>), so that the same source runs on a GPU and, emulated, on the CPU.
//   launch(stream, scale_rows<float>, {rows}, {256}, shared_bytes<float>(8), x.data<float>(), factor);
#pragma once
#include <cstdint>
#include <utility>

#include "kernels/core/cuda/error.h"
#include "kernels/core/stream.h"

namespace hone::kernels::cuda {

struct Grid {  // blocks; x up to 2^31 - 1, y and z up to 65535. None: nothing is launched.
  int64_t x = 1, y = 1, z = 1;
};
struct Block {  // threads, a multiple of 32 up to 1024
  int x = 1;
};

// The stream, and where launch() was called.
struct LaunchOn {
  LaunchOn(Stream& on, Where at = Where::here()) : stream(on), where(at) {}  // NOLINT: implicit, to see the caller
  Stream& stream;
  Where where;
};

// Queues kernel(arguments…) with `shared` bytes of dynamic shared memory (the sum of shared_bytes<T>(n)).
// Error (ExitCode::gpu): the launch was refused, or an earlier kernel failed and it shows here.
template <class... Parameters, class... Arguments>
void launch(LaunchOn on, void (*kernel)(Parameters...), Grid grid, Block block, size_t shared,
            Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  require(grid.x <= INT32_MAX && grid.y <= 65535 && grid.z <= 65535, "[cuda] a grid of ", grid.x, " x ", grid.y, " x ",
          grid.z, " blocks at ", on.where.name(), ':', on.where.line);
  check(cudaSetDevice(on.stream.device().index), "cudaSetDevice", on.where);
  if (shared > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared)),
          "cudaFuncSetAttribute (shared memory)", on.where);
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(unsigned(grid.x), unsigned(grid.y), unsigned(grid.z));
  config.blockDim = dim3(unsigned(block.x));
  config.dynamicSmemBytes = shared;
  config.stream = static_cast<cudaStream_t>(on.stream.native());
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), "launch", on.where);
}

}  // namespace hone::kernels::cuda
