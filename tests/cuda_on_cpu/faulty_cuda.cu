#include <stdexcept>

#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"
#include "tests/cuda_on_cpu/faulty.h"

namespace hone::test {

using namespace kernels::cuda;

constexpr int kThreads = 64;

__global__ void reverse_with_barrier(int* out) {
  SharedMemory shared;
  int* const a = shared.array<int>(64);
  a[threadIdx.x] = int(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = a[63 - threadIdx.x];
}
__global__ void reverse_without_barrier(int* out) {
  SharedMemory shared;
  int* const a = shared.array<int>(64);
  a[threadIdx.x] = int(threadIdx.x);
  out[threadIdx.x] = a[63 - threadIdx.x];
}
__global__ void barrier_in_branch(int* out) {
  if (threadIdx.x < 32) __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void two_barriers_in_branches(int* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1;
}
__global__ void barrier_in_uneven_loop(int* out) {
  for (unsigned i = 0; i < threadIdx.x / 32 + 1; ++i) __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void early_return(int* out) {
  if (threadIdx.x >= 40) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void shuffle_in_branch(int* out) {
  int v = 1;
  if (threadIdx.x % 2) v = __shfl_xor_sync(kAllLanes, v, 1);
  out[threadIdx.x] = v;
}
__global__ void shuffle_outside_its_mask(int* out) {
  int v = 1;
  if (threadIdx.x % 32 < 16) v = __shfl_xor_sync(0x0000ffffu, v, 16);
  out[threadIdx.x] = v;
}
__global__ void shuffle_not_in_its_mask(int* out) { out[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, 1, 1); }
__global__ void shuffles_at_two_calls(int* out) {
  if (threadIdx.x % 32 < 16) {
    out[threadIdx.x] = __shfl_xor_sync(kAllLanes, 1, 1);
  } else {
    out[threadIdx.x] = __shfl_xor_sync(kAllLanes, 1, 1);
  }
}
__global__ void barrier_against_shuffle(int* out) {  // nobody can go on
  if (threadIdx.x % 32 == 0) {
    __syncthreads();
  } else {
    out[threadIdx.x] = __shfl_xor_sync(kAllLanes, 1, 1);
  }
}
__global__ void warp_with_syncwarp(int* out) {
  SharedMemory shared;
  int* const a = shared.array<int>(64);
  a[threadIdx.x] = int(threadIdx.x);
  __syncwarp();
  out[threadIdx.x] = a[threadIdx.x ^ 1];
}
__global__ void warp_without_syncwarp(int* out) {
  SharedMemory shared;
  int* const a = shared.array<int>(64);
  a[threadIdx.x] = int(threadIdx.x);
  out[threadIdx.x] = a[threadIdx.x ^ 1];
}
__global__ void returns_before_shuffle(int* out) {  // the others wait already
  if (threadIdx.x == 31) return;
  out[threadIdx.x] = __shfl_xor_sync(kAllLanes, 1, 1);
}
__global__ void masks_in_a_circle(int* out) {  // three lanes wait for each other, all the rest return
  const unsigned lane = threadIdx.x;
  if (lane < 3) out[lane] = __shfl_sync(1u << lane | 1u << (lane + 1) % 3, 1, int(lane));
}
__global__ void five_masks_at_once(int* out) {  // lanes 0 to 4 wait, each for another one
  const int lane = int(threadIdx.x);
  if (lane < 10) out[lane] = __shfl_sync(0x21u << lane % 5, 1, lane);
}
__global__ void sums_twice(int* out) {
  SharedMemory shared;
  int* const partial = shared.array<int>(kThreads / 32);
  const int first = block_sum<kThreads>(1, partial);
  out[threadIdx.x] = first + block_sum<kThreads>(2, partial);
}
__global__ void sums_twice_without_second_barrier(int* out) {
  SharedMemory shared;
  int* const partial = shared.array<int>(kThreads / 32);
  int total = 0;
  for (int i = 1; i <= 2; ++i) {
    const int sum = warp_sum(i);
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
    __syncthreads();
    for (int warp = 0; warp < kThreads / 32; ++warp) total += partial[warp];
  }
  out[threadIdx.x] = total;
}
__global__ void zeroed_without_barrier(int* out) {
  SharedMemory shared;
  int* const counts = shared.array<int>(64);
  counts[threadIdx.x] = 0;
  atomicAdd(&counts[63 - threadIdx.x], 1);
  __syncthreads();
  out[threadIdx.x] = counts[threadIdx.x];
}
__global__ void shared_overrun_by_one(int* out) {
  SharedMemory shared;
  int *const a = shared.array<int>(64), *const b = shared.array<int>(64);
  b[threadIdx.x] = 0;
  a[threadIdx.x + 1] = 1;
  out[threadIdx.x] = b[threadIdx.x];
}
struct Partial {
  float value[2];
  int tail[64];
};
__global__ void static_shared_overrun(int* out) {
  Partial& s = block_shared<Partial>();
  s.value[threadIdx.x / 16] = 1;  // four values, room for two
  __syncthreads();
  out[threadIdx.x] = int(s.value[0]);
}
__global__ void uninitialised_shared(int* out) {
  SharedMemory shared;
  float* const a = shared.array<float>(64);
  if (threadIdx.x) a[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = a[63 - threadIdx.x] == 1 ? 1 : -1;  // NaN equals nothing
}
__global__ void global_overrun(int* out) { out[threadIdx.x + 1] = 1; }
__global__ void misaligned_vector(int* out) { *reinterpret_cast<int4*>(out + 1) = make_int4(1, 1, 1, 1); }
__global__ void blocks_add_with_atomic(int* out) { atomicAdd(&out[threadIdx.x], 1); }
__global__ void blocks_add_without_atomic(int* out) { out[threadIdx.x] += 1; }
__global__ void copy_with_wait(int* out, const int* in) {
  SharedMemory shared;
  int* const a = shared.array<int>(256);
  copy_async_16(a + threadIdx.x * 4, in + threadIdx.x * 4);
  copy_async_commit();
  copy_async_wait<0>();
  __syncthreads();
  out[threadIdx.x] = a[(63 - threadIdx.x) * 4];
}
__global__ void copy_without_wait(int* out, const int* in) {
  SharedMemory shared;
  int* const a = shared.array<int>(256);
  copy_async_16(a + threadIdx.x * 4, in + threadIdx.x * 4);
  copy_async_commit();
  __syncthreads();
  out[threadIdx.x] = a[(63 - threadIdx.x) * 4];
  copy_async_wait<0>();
}
__global__ void copy_waited_for_too_few(int* out, const int* in) {
  SharedMemory shared;
  int* const a = shared.array<int>(256);
  for (unsigned half = 0; half < 2; ++half) {
    if (threadIdx.x % 2 == half) copy_async_16(a + threadIdx.x * 4, in + threadIdx.x * 4);
    copy_async_commit();
  }
  copy_async_wait<1>();
  __syncthreads();
  out[threadIdx.x] = a[(63 - threadIdx.x) * 4];
  copy_async_wait<0>();
}
__global__ void copy_one_stage_too_far(int* out, const int* in) {
  SharedMemory shared;
  int* const stages = shared.array<int>(2 * 256);
  for (int stage = 1; stage <= 2; ++stage) copy_async_16(stages + stage * 256 + threadIdx.x * 4, in + threadIdx.x * 4);
  copy_async_commit();
  copy_async_wait<0>();
  out[threadIdx.x] = stages[256 + threadIdx.x * 4];
}
__global__ void copy_never_waited_for(int* out, const int* in) {
  SharedMemory shared;
  int* const a = shared.array<int>(256);
  copy_async_16(a + threadIdx.x * 4, in + threadIdx.x * 4);
  copy_async_commit();
  out[threadIdx.x] = 1;
}
__global__ void copy_into_tile_still_read(int* out, const int* in) {
  SharedMemory shared;
  int* const a = shared.array<int>(256);
  a[threadIdx.x * 4] = 7;
  __syncthreads();
  const int v = a[(63 - threadIdx.x) * 4];
  copy_async_16(a + threadIdx.x * 4, in + threadIdx.x * 4);  // others may still read
  copy_async_commit();
  copy_async_wait<0>();
  out[threadIdx.x] = v;
}
__global__ void copy_misaligned(int* out, const int* in) {
  SharedMemory shared;
  int* const a = shared.array<int>(256);
  if (threadIdx.x < 32) copy_async_16(a + threadIdx.x * 4, in + threadIdx.x * 4 + 1);
  copy_async_commit();
  copy_async_wait<0>();
  out[threadIdx.x] = 1;
}
__global__ void copy_to_global(int* out, const int* in) {
  copy_async_16(out, in);
  copy_async_commit();
  copy_async_wait<0>();
}
__global__ void ldmatrix_misaligned(int* out) {
  SharedMemory shared;
  uint16_t* const a = shared.array<uint16_t>(32 * 16);
  uint32_t r[4];
  ldmatrix_x4(r, a + threadIdx.x % 32 * 8 + 1);
  out[threadIdx.x] = int(r[0]);
}
__global__ void ldmatrix_of_global(int* out) {
  uint32_t r[4];
  ldmatrix_x4(r, out);
  out[threadIdx.x] = int(r[0]);
}
__global__ void too_little_shared(int* out) {
  SharedMemory shared;
  int* const a = shared.array<int>(640);
  out[threadIdx.x] = a[threadIdx.x];
}
__global__ void carved_differently(int* out) {
  SharedMemory shared;
  int* const a = shared.array<int>(threadIdx.x == 5 ? 32 : 64);
  a[threadIdx.x % 32] = 1;
  out[threadIdx.x] = 1;
}
__global__ void throws(int*) {
  if (threadIdx.x == 3) throw std::runtime_error("a host function was called");
}
__global__ void nothing(int*) {}

void run_faulty(Stream& stream, const std::string& name, Tensor& out, const Tensor& in) {
  out.write<int32_t>(std::vector<int32_t>(64, 0));
  int* const to = out.data<int32_t>();
  const int* const from = in.data<int32_t>();
  using Kernel = void (*)(int*);
  using CopyKernel = void (*)(int*, const int*);
  const std::pair<const char*, Kernel> kernels[] = {{"reverse_with_barrier", reverse_with_barrier},
                                                    {"reverse_without_barrier", reverse_without_barrier},
                                                    {"barrier_in_branch", barrier_in_branch},
                                                    {"two_barriers_in_branches", two_barriers_in_branches},
                                                    {"barrier_in_uneven_loop", barrier_in_uneven_loop},
                                                    {"early_return", early_return},
                                                    {"shuffle_in_branch", shuffle_in_branch},
                                                    {"shuffle_outside_its_mask", shuffle_outside_its_mask},
                                                    {"shuffle_not_in_its_mask", shuffle_not_in_its_mask},
                                                    {"shuffles_at_two_calls", shuffles_at_two_calls},
                                                    {"barrier_against_shuffle", barrier_against_shuffle},
                                                    {"returns_before_shuffle", returns_before_shuffle},
                                                    {"masks_in_a_circle", masks_in_a_circle},
                                                    {"five_masks_at_once", five_masks_at_once},
                                                    {"sums_twice", sums_twice},
                                                    {"sums_twice_without_second_barrier",
                                                     sums_twice_without_second_barrier},
                                                    {"zeroed_without_barrier", zeroed_without_barrier},
                                                    {"warp_with_syncwarp", warp_with_syncwarp},
                                                    {"warp_without_syncwarp", warp_without_syncwarp},
                                                    {"shared_overrun_by_one", shared_overrun_by_one},
                                                    {"static_shared_overrun", static_shared_overrun},
                                                    {"uninitialised_shared", uninitialised_shared},
                                                    {"global_overrun", global_overrun},
                                                    {"misaligned_vector", misaligned_vector},
                                                    {"ldmatrix_misaligned", ldmatrix_misaligned},
                                                    {"ldmatrix_of_global", ldmatrix_of_global},
                                                    {"too_little_shared", too_little_shared},
                                                    {"carved_differently", carved_differently},
                                                    {"throws", throws}};
  const std::pair<const char*, CopyKernel> copies[] = {{"copy_with_wait", copy_with_wait},
                                                       {"copy_without_wait", copy_without_wait},
                                                       {"copy_waited_for_too_few", copy_waited_for_too_few},
                                                       {"copy_one_stage_too_far", copy_one_stage_too_far},
                                                       {"copy_never_waited_for", copy_never_waited_for},
                                                       {"copy_into_tile_still_read", copy_into_tile_still_read},
                                                       {"copy_misaligned", copy_misaligned},
                                                       {"copy_to_global", copy_to_global}};
  for (const auto& [text, kernel] : kernels)
    if (name == text) return launch(stream, kernel, {}, {kThreads}, 2048, to);
  for (const auto& [text, kernel] : copies)
    if (name == text) return launch(stream, kernel, {}, {kThreads}, 2048, to, from);
  if (name == "blocks_add_with_atomic") return launch(stream, blocks_add_with_atomic, {8}, {kThreads}, 0, to);
  if (name == "blocks_add_without_atomic") return launch(stream, blocks_add_without_atomic, {8}, {kThreads}, 0, to);
  if (name == "too_many_threads") return launch(stream, nothing, {}, {1056}, 0, to);
  if (name == "no_threads") return launch(stream, nothing, {}, {0}, 0, to);
  if (name == "too_much_shared") return launch(stream, nothing, {}, {kThreads}, 100 * 1024, to);
  if (name == "shared_not_asked_for") {
    cudaLaunchConfig_t config{};
    config.gridDim = config.blockDim = dim3(1);
    config.dynamicSmemBytes = 64 * 1024;
    config.stream = static_cast<cudaStream_t>(stream.native());
    return check(cudaLaunchKernelEx(&config, nothing, to), "launch");
  }
  if (name == "too_high_grid") {
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(1, 65536);
    config.blockDim = dim3(32);
    config.stream = static_cast<cudaStream_t>(stream.native());
    return check(cudaLaunchKernelEx(&config, nothing, to), "launch");
  }
  if (name == "free_before_use") {
    int* memory = nullptr;
    check(cudaMallocAsync(reinterpret_cast<void**>(&memory), 256, nullptr), "cudaMallocAsync");
    check(cudaFreeAsync(memory, nullptr), "cudaFreeAsync");
    return launch(stream, reverse_with_barrier, {}, {kThreads}, 2048, memory);
  }
  if (name == "host_reads_device") {
    volatile int* const seen = to;
    (void)seen[3];
    return;
  }
  if (name == "wrong_memcpy_kind") {
    std::vector<int> host(64);
    return check(cudaMemcpy(host.data(), to, 256, cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  fail("no kernel ", name);
}

std::vector<int32_t> expected(const std::string& name) {
  std::vector<int32_t> want(64, 1);
  for (int i = 0; i < 64; ++i) {
    if (name.starts_with("reverse")) want[i] = 63 - i;
    if (name.starts_with("warp")) want[i] = i ^ 1;
    if (name.starts_with("blocks_add")) want[i] = 8;
    if (name.starts_with("sums_twice")) want[i] = 3 * 64;
    if (name.starts_with("copy_with") || name == "copy_waited_for_too_few") want[i] = 5;
    if (name == "copy_into_tile_still_read") want[i] = 7;
  }
  return want;
}

}  // namespace hone::test
