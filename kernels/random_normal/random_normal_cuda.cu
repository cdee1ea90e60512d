// A thread makes the four numbers of a Philox block and stores them at once: the memory's speed, whatever they cost.
#include <cmath>

#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"
#include "kernels/random_normal/random_normal.h"
#include "kernels/random_normal/uniform.h"

namespace hone::kernels::cuda {

constexpr int kNormalThreads = 256;

// Two normal numbers of two uniform ones. sincospif: sin and cos of any angle would need a stack for large ones.
__device__ __forceinline__ void make_normal(uint32_t& a, uint32_t& b, float deviation) {
  const float radius = deviation * std::sqrt(-2 * std::log(inside_one(a)));
  float sine, cosine;
  sincospif(half_turns(b), &sine, &cosine);
  a = __float_as_uint(radius * cosine), b = __float_as_uint(radius * sine);
}

template <class T>
__global__ void __launch_bounds__(kNormalThreads)
    random_normal_kernel(T* y, int64_t elements, Philox stream, float deviation, bool vectors) {
  const int64_t block = int64_t(blockIdx.x) * kNormalThreads + threadIdx.x, at = 4 * block;
  if (at >= elements) return;
  stream.counter[0] += uint32_t(block);
  draw(stream);
  auto& [a, b, c, d] = stream.counter;
  make_normal(a, b, deviation);
  make_normal(c, d, deviation);
  Vector<T, 4> normal;
#pragma unroll
  for (int i = 0; i < 4; ++i) normal.value[i] = narrowed<T>(Computed<T>(__uint_as_float(stream.counter[i])));
#ifdef MUTANT_RANDOM_NORMAL_PAST_THE_LAST
  const bool whole = vectors;
#else
  const bool whole = vectors && at + 4 <= elements;
#endif
  if (whole) return store_vector(y + at, normal);
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (at + i < elements) y[at + i] = normal.value[i];
}

void random_normal(Stream& stream, Tensor& y, double deviation, const RandomKey& key, int64_t first) {
  visit_stored(y.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    T* const to = native(y.data<Stored>());
#ifndef MUTANT_RANDOM_NORMAL_FROM_THE_START
    const Philox from = philox(key, uint32_t(first / 4));
#else
    const Philox from = philox(key, uint32_t(first * 0));
#endif
    const int64_t elements = y.elements(), blocks = (elements + 3) / 4;
    launch(stream, random_normal_kernel<T>, {(blocks + kNormalThreads - 1) / kNormalThreads}, {kNormalThreads}, 0, to,
           elements, from, float(deviation), reinterpret_cast<std::uintptr_t>(to) % sizeof(Vector<T, 4>) == 0);
  });
}

}  // namespace hone::kernels::cuda
