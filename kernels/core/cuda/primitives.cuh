// What kernels are made of: reductions in a fixed order, aligned vectors. The same source runs on a GPU and in the
// emulated build.
#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/core/cuda/ptx.cuh"
#include "kernels/core/cuda/shared.cuh"
#include "kernels/core/tensor.h"

namespace hone::kernels::cuda {

inline constexpr unsigned kAllLanes = 0xffffffffu;

// An element type as device code has it: hone::bfloat16 is NVIDIA's there, the others are what they are.
//   visit_stored(y.dtype(), [&]<class T>() { launch(stream, kernel<Native<T>>, …, native(y.data<T>())); });
template <class T>
using Native = std::conditional_t<std::is_same_v<std::remove_const_t<T>, bfloat16>,
                                  std::conditional_t<std::is_const_v<T>, const __nv_bfloat16, __nv_bfloat16>, T>;
template <class T>
Native<T>* native(T* elements) {
  return reinterpret_cast<Native<T>*>(elements);
}
template <class T>
Rows<Native<T>> native(const Rows<T>& rows) {
  return {native(rows.data), rows.count, rows.width, rows.stride};
}
// What a Native type is computed in, an element in it, and the element of a result, rounded once.
template <class T>
using Computed = std::conditional_t<std::is_same_v<std::remove_const_t<T>, __nv_bfloat16>, float, std::remove_const_t<T>>;
template <class T>
__device__ __forceinline__ Computed<T> widened(T element) {
  if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    return __bfloat162float(element);
  } else {
    return element;
  }
}
template <class T>
__device__ __forceinline__ T narrowed(Computed<T> value) {
  if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    return __float2bfloat16_rn(value);
  } else {
    return value;
  }
}

// A product rounded by itself, never fused with the sum that takes it: the CPU's bits.
__device__ __forceinline__ float rounded_product(float a, float b) { return __fmul_rn(a, b); }
__device__ __forceinline__ double rounded_product(double a, double b) { return __dmul_rn(a, b); }

// The sum over the warp, in every lane; always the same tree, so always the same bits. The whole warp calls it.
template <class T>
__device__ __forceinline__ T warp_sum(T v) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(kAllLanes, v, offset);
  return v;
}

// The largest over the warp, in every lane; what is not a number is passed over. The whole warp calls it.
template <class T>
__device__ __forceinline__ T warp_max(T v) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) v = std::fmax(v, __shfl_xor_sync(kAllLanes, v, offset));
  return v;
}

// The sum over the block of `threads` threads, in every thread. `partial` is shared memory for one T a warp, and may be
// used again right after. The whole block calls it.
template <int threads, class T>
__device__ __forceinline__ T block_sum(T v, T* partial) {
  v = warp_sum(v);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = v;
#ifndef MUTANT_BLOCK_SUM_NO_BARRIER
  __syncthreads();
#endif
  T total = 0;
#pragma unroll
  for (int i = 0; i < threads / 32; ++i) total += partial[i];
  __syncthreads();
  return total;
}

// `count` neighbouring elements, loaded and stored 16 bytes at a time where they are as many; the address is a multiple
// of their size, or of 16.
template <class T, int count>
struct alignas(sizeof(T) * count < 16 ? sizeof(T) * count : 16) Vector {
  T value[count];
};
template <int count, class T>
__device__ __forceinline__ Vector<T, count> load_vector(const T* p) {
  return *reinterpret_cast<const Vector<T, count>*>(p);
}
template <class T, int count>
__device__ __forceinline__ void store_vector(T* p, const Vector<T, count>& v) {
  *reinterpret_cast<Vector<T, count>*>(p) = v;
}

// Vectors in what their elements are computed in, and of results, each rounded once.
template <class T, int count>
__device__ __forceinline__ Vector<Computed<T>, count> widened(const Vector<T, count>& v) {
  Vector<Computed<T>, count> r;
#pragma unroll
  for (int j = 0; j < count; ++j) r.value[j] = widened(v.value[j]);
  return r;
}
template <class T, int count>
__device__ __forceinline__ Vector<T, count> narrowed(const Vector<Computed<T>, count>& v) {
  Vector<T, count> r;
  if constexpr (std::is_same_v<T, __nv_bfloat16> && count % 2 == 0) {  // two at a time
#pragma unroll
    for (int j = 0; j < count; j += 2) {
      const uint32_t both = pack_bf16(v.value[j], v.value[j + 1]);
      r.value[j] = __ushort_as_bfloat16(uint16_t(both));
      r.value[j + 1] = __ushort_as_bfloat16(uint16_t(both >> 16));
    }
  } else {
#pragma unroll
    for (int j = 0; j < count; ++j) r.value[j] = narrowed<T>(v.value[j]);
  }
  return r;
}

inline bool is_aligned(const void* address, size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(address) % bytes == 0;
}
// How many elements of T a kernel may load at once: those of 16 bytes where every address and the width allow it,
// else 1. Host code: template <class… > launches kernel<T, 16 / sizeof(T)> or kernel<T, 1>.
template <class T>
bool rows_are_aligned(int64_t width, int64_t stride, const T* first) {
  constexpr int64_t kCount = 16 / sizeof(T);
  return width % kCount == 0 && stride % kCount == 0 && is_aligned(first, 16);
}

// Eight bfloat16 of one 16-byte load, as float.
struct Bf16x8 {
  float value[8];
};
__device__ __forceinline__ Bf16x8 unpack(uint4 v) {
  Bf16x8 r;
  const uint32_t word[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    r.value[2 * i] = __uint_as_float(word[i] << 16);
    r.value[2 * i + 1] = __uint_as_float(word[i] & 0xffff0000u);
  }
  return r;
}
__device__ __forceinline__ uint4 pack(const Bf16x8& v) {
  return make_uint4(pack_bf16(v.value[0], v.value[1]), pack_bf16(v.value[2], v.value[3]),
                    pack_bf16(v.value[4], v.value[5]), pack_bf16(v.value[6], v.value[7]));
}

}  // namespace hone::kernels::cuda
