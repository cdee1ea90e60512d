// A warp has a block of kMomentBlock elements: eight a lane, whose moments stay in registers from their codes to their
// codes. Maps and search trees lie in shared memory, loaded once by blocks that each go over many blocks of moments.
#include "kernels/adamw/adamw8.h"
#include "kernels/adamw/step.cuh"
#include "kernels/core/cuda/dynamic_map.cuh"

namespace hone::kernels::cuda {

constexpr int kAdamW8Blocks = 1024;  // at most: some for each multiprocessor of a large GPU
constexpr int kAdamW8Warps = kAdamWThreads / 32;

struct MomentBytes {
  uint8_t* codes;
  float* absmax;
  Table<256> map, tree;
};
struct AdamW8Step {
  float* values;
  const float *gradients, *factors;
  int64_t elements, decay_end;
  float beta1, beta2, rest1, rest2, eps, keep;
  MomentBytes first, second;
};

template <int count>
__global__ void __launch_bounds__(kAdamWThreads) adamw8_kernel(const __grid_constant__ AdamW8Step p) {
  constexpr int kParts = kMomentBlock / (32 * count);  // of `count` elements a lane
  SharedMemory shared;
  float *const map1 = shared.array<float>(256), *const tree1 = shared.array<float>(256),
               *const map2 = shared.array<float>(256), *const tree2 = shared.array<float>(256);
  if (p.factors[kTaken] == 0) return;
  for (int i = threadIdx.x; i < 256; i += kAdamWThreads) {
    map1[i] = p.first.map.value[i], tree1[i] = p.first.tree.value[i];
    map2[i] = p.second.map.value[i], tree2[i] = p.second.tree.value[i];
  }
  __syncthreads();
  const float scale = p.factors[kScale], step_size = p.factors[kStepSize], root = p.factors[kRoot];
  const int lane = threadIdx.x % 32;
  const int64_t blocks = (p.elements + kMomentBlock - 1) / kMomentBlock;
  for (int64_t b = int64_t(blockIdx.x) * kAdamW8Warps + threadIdx.x / 32; b < blocks;
       b += int64_t(gridDim.x) * kAdamW8Warps) {
    const int64_t first = b * kMomentBlock + lane * count;
    Vector<float, count> value[kParts], g[kParts], m[kParts], v[kParts];
    Vector<uint8_t, count> code1[kParts], code2[kParts];
#pragma unroll
    for (int k = 0; k < kParts; ++k) {
      const int64_t i = first + k * 32 * count;
      code1[k] = load_within<count>(p.first.codes, i, p.elements);
      code2[k] = load_within<count>(p.second.codes, i, p.elements);
      g[k] = load_within<count>(p.gradients, i, p.elements);
      value[k] = load_within<count>(p.values, i, p.elements);
    }
    const float absmax1 = p.first.absmax[b], absmax2 = p.second.absmax[b];
    float largest1 = 0, largest2 = 0;
#pragma unroll
    for (int k = 0; k < kParts; ++k) {
#pragma unroll
      for (int j = 0; j < count; ++j) {
        const int64_t i = first + k * 32 * count + j;
        const float gradient = g[k].value[j] * scale;
        float one = p.beta1 * (map1[code1[k].value[j]] * absmax1) + p.rest1 * gradient;
        float two = p.beta2 * (map2[code2[k].value[j]] * absmax2) + p.rest2 * gradient * gradient;
#ifndef MUTANT_ADAMW8_COUNTS_WHAT_IS_NOT_THERE
        if (i >= p.elements) one = two = 0;
#endif
        const float keep = i < p.decay_end ? p.keep : 1.0f;
        value[k].value[j] = value[k].value[j] * keep - step_size * one / (std::sqrt(two) / root + p.eps);
        largest1 = fmaxf(largest1, fabsf(one)), largest2 = fmaxf(largest2, two);
        m[k].value[j] = one, v[k].value[j] = two;
      }
      store_within(p.values, first + k * 32 * count, p.elements, value[k]);
    }
    largest1 = warp_max(largest1), largest2 = warp_max(largest2);
#ifndef MUTANT_ADAMW8_NO_SYNCWARP
    __syncwarp();  // all lanes have read the old scales
#endif
    if (lane == 0) p.first.absmax[b] = largest1, p.second.absmax[b] = largest2;
#pragma unroll
    for (int k = 0; k < kParts; ++k) {
#pragma unroll
      for (int j = 0; j < count; ++j) {
        code1[k].value[j] = dynamic_code_of(tree1, m[k].value[j] / largest1);  // where all are 0, code 0
        code2[k].value[j] = dynamic_code_of(tree2, v[k].value[j] / largest2);
      }
      store_within(p.first.codes, first + k * 32 * count, p.elements, code1[k]);
      store_within(p.second.codes, first + k * 32 * count, p.elements, code2[k]);
    }
  }
}

namespace {
MomentBytes bytes_of(Moment8& moment, const MomentMap& map) {
  return {moment.codes.data<uint8_t>(), moment.absmax.data<float>(), table_of<256>(map.map), table_of<256>(map.tree)};
}
}  // namespace

void adamw8(Stream& stream, Tensor& values, Moment8& first, Moment8& second, Tensor& steps, Tensor& factors,
            const Tensor& gradients, const Tensor& totals, const AdamW& options, double rate, int64_t decay_end) {
  start_factors<float>(stream, factors, steps, totals, options, rate);
  const AdamW8Step p{.values = values.data<float>(),
                     .gradients = gradients.data<float>(),
                     .factors = factors.data<float>(),
                     .elements = values.elements(),
                     .decay_end = decay_end,
                     .beta1 = float(options.beta1),
                     .beta2 = float(options.beta2),
                     .rest1 = float(1 - options.beta1),
                     .rest2 = float(1 - options.beta2),
                     .eps = float(options.eps),
                     .keep = float(1 - rate * options.decay),
                     .first = bytes_of(first, first_moment_map()),
                     .second = bytes_of(second, second_moment_map())};
  const bool vectors = is_aligned(p.values, 16) && is_aligned(p.gradients, 16) && is_aligned(p.first.codes, 4) &&
                       is_aligned(p.second.codes, 4);
  const int64_t blocks = (first.absmax.elements() + kAdamW8Warps - 1) / kAdamW8Warps;
  launch(stream, vectors ? adamw8_kernel<4> : adamw8_kernel<1>, {std::min<int64_t>(blocks, kAdamW8Blocks)},
         {kAdamWThreads}, 4 * shared_bytes<float>(256), p);
}

}  // namespace hone::kernels::cuda
