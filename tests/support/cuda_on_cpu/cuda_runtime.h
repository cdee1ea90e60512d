// First on the include path of the emulated build: NVIDIA's own cuda_runtime.h, then what nvcc would build in.
#pragma once
#pragma GCC system_header  // #include_next is an extension
#undef __shared__
#define __shared__ take_shared_memory_from_SharedMemory_or_block_shared  // a plain __shared__ does not compile here
#define cudaLaunchKernelEx cudaLaunchKernelEx_that_forgets_types
#include_next <cuda_runtime.h>
#undef cudaLaunchKernelEx
#undef __launch_bounds__
#define __launch_bounds__(...)
#undef __grid_constant__
#define __grid_constant__

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <tuple>

#include "block.h"

// Objects, not macros: cudaLaunchConfig_t has members named gridDim and blockDim.
extern constinit thread_local uint3 threadIdx, blockIdx;
extern constinit thread_local dim3 blockDim, gridDim;
constexpr int warpSize = 32;

// What moves values between lanes is no access to memory that a kernel makes.
#define HONE_CUDA_ON_CPU_UNSEEN __attribute__((no_sanitize("thread", "undefined")))

namespace hone::cuda_on_cpu {

template <class T>
struct Exchange {
  T in;
  int lane;
  T out;
};

template <class T>
HONE_CUDA_ON_CPU_UNSEEN void shuffle(unsigned mask, void* const* arguments) {
  T in[32];
  for (int l = 0; l < 32; ++l)
    if (mask >> l & 1) in[l] = static_cast<Exchange<T>*>(arguments[l])->in;
  for (int l = 0; l < 32; ++l) {
    if (!(mask >> l & 1)) continue;
    Exchange<T>& e = *static_cast<Exchange<T>*>(arguments[l]);
    if (!(mask >> e.lane & 1)) fault("a shuffle reads lane " + std::to_string(e.lane) + ", which is not in the mask");
    e.out = in[e.lane];
  }
}

template <class T>
T shuffle_from(unsigned mask, T value, int lane, const char* name, Where where) {
  Exchange<T> e{value, lane, value};
  warp_collective(mask, name, where, &e, &shuffle<T>);
  return e.out;
}

HONE_CUDA_ON_CPU_UNSEEN inline void ballot(unsigned mask, void* const* arguments) {
  unsigned bits = 0;
  for (int l = 0; l < 32; ++l)
    if ((mask >> l & 1) && static_cast<Exchange<unsigned>*>(arguments[l])->in) bits |= 1u << l;
  for (int l = 0; l < 32; ++l)
    if (mask >> l & 1) static_cast<Exchange<unsigned>*>(arguments[l])->out = bits;
}

bool allow_shared(const void* kernel, int bytes);
void start(cudaStream_t stream, const void* kernel, dim3 grid, dim3 block, size_t shared, std::function<void()> body);

}  // namespace hone::cuda_on_cpu

// Keeps the arguments by value, as a GPU does.
template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  std::tuple<std::decay_t<Parameters>...> values(static_cast<Parameters>(arguments)...);
  hone::cuda_on_cpu::start(config->stream, reinterpret_cast<const void*>(kernel), config->gridDim, config->blockDim,
                           config->dynamicSmemBytes, [kernel, values] { std::apply(kernel, values); });
  return cudaSuccess;
}

template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaErrorInvalidValue;
  return hone::cuda_on_cpu::allow_shared(reinterpret_cast<const void*>(kernel), value) ? cudaSuccess
                                                                                       : cudaErrorInvalidValue;
}

inline void __syncthreads(hone::Where where = hone::Where::here()) { hone::cuda_on_cpu::block_barrier(where); }
inline void __syncwarp(unsigned mask = ~0u, hone::Where where = hone::Where::here()) {
  hone::cuda_on_cpu::warp_collective(mask, "__syncwarp", where, nullptr, nullptr, true);
}
template <class T>
T __shfl_sync(unsigned mask, T v, int lane, int width = 32, hone::Where where = hone::Where::here()) {
  const int me = int(hone::cuda_on_cpu::self->lane), first = me & ~(width - 1);
  return hone::cuda_on_cpu::shuffle_from(mask, v, first | (lane & (width - 1)), "__shfl_sync", where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T v, int bits, int width = 32, hone::Where where = hone::Where::here()) {
  const int me = int(hone::cuda_on_cpu::self->lane), first = me & ~(width - 1), from = me ^ bits;
  return hone::cuda_on_cpu::shuffle_from(mask, v, from >= first + width ? me : from, "__shfl_xor_sync", where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32, hone::Where where = hone::Where::here()) {
  const int me = int(hone::cuda_on_cpu::self->lane), first = me & ~(width - 1), from = me + int(delta);
  return hone::cuda_on_cpu::shuffle_from(mask, v, from >= first + width ? me : from, "__shfl_down_sync", where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32, hone::Where where = hone::Where::here()) {
  const int me = int(hone::cuda_on_cpu::self->lane), first = me & ~(width - 1), from = me - int(delta);
  return hone::cuda_on_cpu::shuffle_from(mask, v, from < first ? me : from, "__shfl_up_sync", where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, hone::Where where = hone::Where::here()) {
  hone::cuda_on_cpu::Exchange<unsigned> e{predicate != 0, 0, 0};
  hone::cuda_on_cpu::warp_collective(mask, "__ballot_sync", where, &e, &hone::cuda_on_cpu::ballot);
  return e.out;
}
inline int __any_sync(unsigned mask, int predicate, hone::Where where = hone::Where::here()) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, hone::Where where = hone::Where::here()) {
  return __ballot_sync(mask, predicate, where) == mask;
}

// Approximate on a GPU, libm here: compare with tolerances.
inline float __uint_as_float(unsigned v) { return std::bit_cast<float>(v); }
inline unsigned __float_as_uint(float v) { return std::bit_cast<unsigned>(v); }
inline float rsqrtf(float v) { return 1.0f / std::sqrt(v); }
inline float __expf(float v) { return std::exp(v); }
inline float __logf(float v) { return std::log(v); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float v) { return 1.0f / v; }
inline void sincospi(double half_turns, double* sine, double* cosine) {  // exact reduction, as on a GPU
  const double angle = (half_turns - 2 * std::rint(half_turns / 2)) * 3.141592653589793;
  *sine = std::sin(angle), *cosine = std::cos(angle);
}
inline void sincospif(float half_turns, float* sine, float* cosine) {
  double s, c;
  sincospi(double(half_turns), &s, &c);
  *sine = float(s), *cosine = float(c);
}
// Never part of a fused multiply-add: it goes by way of memory, as the compiler is allowed to fuse.
inline float __fmul_rn(float a, float b) {
  const volatile float product = a * b;
  return product;
}
inline double __dmul_rn(double a, double b) {
  const volatile double product = a * b;
  return product;
}
template <class T>
T __ldg(const T* p) {
  return *p;
}
using std::max;
using std::min;

template <class T>
T atomicAdd(T* p, T v) {
  return std::atomic_ref<T>(*p).fetch_add(v, std::memory_order_relaxed);
}
inline int atomicMax(int* p, int v) {
  std::atomic_ref<int> a(*p);
  int old = a.load(std::memory_order_relaxed);
  while (old < v && !a.compare_exchange_weak(old, v, std::memory_order_relaxed)) {
  }
  return old;
}
template <class T>
T atomicCAS(T* p, T expected, T v) {
  std::atomic_ref<T>(*p).compare_exchange_strong(expected, v, std::memory_order_relaxed);
  return expected;
}
