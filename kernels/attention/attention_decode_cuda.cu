// One query a sequence: the keys and values are read once and that is the time it takes. As many threads side by side
// as a row has vectors of 16 bytes work on a key, for several query heads that share it; groups of them go through the
// keys with a softmax each, and what they have is put together in a fixed order. Where sequences are few, blocks share
// the keys of one, by its length, which only the device knows.
#include "kernels/attention/attention_decode.h"

#include <algorithm>

#include "kernels/attention/tile_cuda.cuh"

namespace hone::kernels::cuda {

constexpr int kDecodeThreads = 128, kDecodeWarps = kDecodeThreads / 32;
template <int held>  // a multiprocessor, which bounds registers
constexpr int kDecodeBlocks = held == 1   ? 7
                              : held == 2 ? 5
                              : held == 4 ? 3
                                          : 2;
constexpr int kSplitStep = 64;  // blocks share keys by whole ones of these

struct AttentionDecode {
  Rows<Bf16> o;
  float* partial;  // (sequences * heads, splits, head_dim + 2): sums, best score, sum of weights; null for one split
  Rows<const Bf16> q, k, v;
  const int32_t* lengths;
  int capacity, heads, group, head_dim, splits;
  Scores scores;
};

// What a softmax has summed so far, relative to its best score.
template <int columns>
struct Softmax {
  float best = kUnseen, total = 0, sums[columns] = {};

  __device__ __forceinline__ void raise(float top) {
    const float shrink = exp2_approx(best - top);
    best = top, total *= shrink;
#pragma unroll
    for (int i = 0; i < columns; ++i) sums[i] *= shrink;
  }
};

// side: threads that share a row. held: query heads a block works on.
template <int side, int held>
__global__ void __launch_bounds__(kDecodeThreads, kDecodeBlocks<held>)
    attention_decode_kernel(const __grid_constant__ AttentionDecode p) {
  constexpr int kGroups = kDecodeThreads / side, kAtOnce = held < 8 ? 4 : 2;  // keys that a thread loads together
  constexpr int kRow = side * 8 + 2;
  SharedMemory shared;
  float* const of_warps = shared.array<float>(kDecodeWarps * held * kRow);

  const int chunks = (p.group + held - 1) / held, key_heads = p.heads / p.group;
  unsigned rest = blockIdx.x;
  const int split = int(rest % unsigned(p.splits));
  rest /= unsigned(p.splits);
  const int chunk = int(rest % unsigned(chunks));
  rest /= unsigned(chunks);
  const int key_head = int(rest % unsigned(key_heads)), sequence = int(rest / unsigned(key_heads));
  const int first_head = key_head * p.group + chunk * held, heads = min(held, p.group - chunk * held);

  const int length = min(p.lengths[sequence], p.capacity), all = min(length, p.scores.reach);
  const int share = ((all + p.splits - 1) / p.splits + kSplitStep - 1) / kSplitStep * kSplitStep;
  const int begin = length - all + split * share, end = min(begin + share, length);

  const int part = int(threadIdx.x % side), vectors = int(unsigned(p.head_dim) / 8);
  const bool holds = part < vectors;
  const Bf16* const k = p.k.data + int64_t(sequence) * p.capacity * p.k.stride + key_head * p.head_dim + part * 8;
  const Bf16* const v = p.v.data + int64_t(sequence) * p.capacity * p.v.stride + key_head * p.head_dim + part * 8;
  Bf16x8 q[held];
  Softmax<8> softmax[held];
#pragma unroll
  for (int h = 0; h < held; ++h)
    q[h] = unpack(holds && h < heads ? *reinterpret_cast<const uint4*>(p.q.data + sequence * p.q.stride +
                                                                       (first_head + h) * p.head_dim + part * 8)
                                     : make_uint4(0, 0, 0, 0));

  for (int at = begin; at < end; at += kGroups * kAtOnce) {
    uint4 keys[kAtOnce], values[kAtOnce];
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const int key = at + u * kGroups + int(threadIdx.x / side);
      keys[u] = values[u] = make_uint4(0, 0, 0, 0);
#ifdef MUTANT_DECODE_PAST_THE_LENGTH
      if (holds && key < p.capacity) {
#else
      if (holds && key < end) {
#endif
        keys[u] = load_streaming(reinterpret_cast<const uint4*>(k + key * p.k.stride));
        values[u] = load_streaming(reinterpret_cast<const uint4*>(v + key * p.v.stride));
      }
    }
    float scores[kAtOnce][held];
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const Bf16x8 key = unpack(keys[u]);
#pragma unroll
      for (int h = 0; h < held; ++h) {
        float score = 0;
#pragma unroll
        for (int i = 0; i < 8; ++i) score += q[h].value[i] * key.value[i];
#pragma unroll
        for (int offset = side / 2; offset > 0; offset /= 2) score += __shfl_xor_sync(kAllLanes, score, offset);
        if (p.scores.soften > 0) score = p.scores.softened(score);
        scores[u][h] = at + u * kGroups + int(threadIdx.x / side) < end ? score * p.scores.factor : kUnseen;
      }
    }
#pragma unroll
    for (int h = 0; h < held; ++h) {
      float top = softmax[h].best;
#pragma unroll
      for (int u = 0; u < kAtOnce; ++u) top = fmaxf(top, scores[u][h]);
      softmax[h].raise(top);
#pragma unroll
      for (int u = 0; u < kAtOnce; ++u) softmax[h].total += scores[u][h] = exp2_approx(scores[u][h] - top);
    }
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const Bf16x8 value = unpack(values[u]);
#pragma unroll
      for (int h = 0; h < held; ++h)
#pragma unroll
        for (int i = 0; i < 8; ++i) softmax[h].sums[i] += scores[u][h] * value.value[i];
    }
  }

  // The groups of a warp, then the warps.
#pragma unroll
  for (int h = 0; h < held; ++h) {
    Softmax<8>& mine = softmax[h];
#pragma unroll
    for (int offset = side; offset < 32; offset *= 2) {
      Softmax<8> other;
      other.best = __shfl_xor_sync(kAllLanes, mine.best, offset);
      other.total = __shfl_xor_sync(kAllLanes, mine.total, offset);
#pragma unroll
      for (int i = 0; i < 8; ++i) other.sums[i] = __shfl_xor_sync(kAllLanes, mine.sums[i], offset);
      const float top = fmaxf(mine.best, other.best);
      mine.raise(top), other.raise(top);
      mine.total += other.total;
#pragma unroll
      for (int i = 0; i < 8; ++i) mine.sums[i] += other.sums[i];
    }
    float* const row = of_warps + (warp() * held + h) * kRow;
    if (lane() < side) {
#pragma unroll
      for (int i = 0; i < 8; ++i) row[part * 8 + i] = mine.sums[i];
    }
    if (lane() == 0) row[side * 8] = mine.best, row[side * 8 + 1] = mine.total;
  }
#ifndef MUTANT_DECODE_NO_BARRIER
  __syncthreads();
#endif
  for (int h = 0; h < heads; ++h) {
    const int64_t head = first_head + h;
    for (int column = int(threadIdx.x); column < p.head_dim; column += kDecodeThreads) {
      Softmax<1> sum;
#pragma unroll
      for (int w = 0; w < kDecodeWarps; ++w) {
        const float* const row = of_warps + (w * held + h) * kRow;
        const float top = fmaxf(sum.best, row[side * 8]), weight = exp2_approx(row[side * 8] - top);
        sum.raise(top);
        sum.total += row[side * 8 + 1] * weight;
        sum.sums[0] += row[column] * weight;
      }
      if (!p.partial) {
        p.o.data[sequence * p.o.stride + head * p.head_dim + column] = __float2bfloat16_rn(sum.sums[0] / sum.total);
        continue;
      }
      float* const to = p.partial + ((int64_t(sequence) * p.heads + head) * p.splits + split) * (p.head_dim + 2);
      to[column] = sum.sums[0];
      if (column == 0) to[p.head_dim] = sum.best, to[p.head_dim + 1] = sum.total;
    }
  }
}

// What the blocks of a head have, put together.
__global__ void __launch_bounds__(kDecodeThreads)
    attention_decode_sum_kernel(const __grid_constant__ AttentionDecode p) {
  const int64_t row = blockIdx.x, head = row % p.heads, sequence = row / p.heads, width = p.head_dim + 2;
  for (int column = int(threadIdx.x); column < p.head_dim; column += kDecodeThreads) {
    Softmax<1> sum;
    for (int split = 0; split < p.splits; ++split) {
      const float* const from = p.partial + (row * p.splits + split) * width;
      const float top = fmaxf(sum.best, from[p.head_dim]), weight = exp2_approx(from[p.head_dim] - top);
      sum.raise(top);
      sum.total += from[p.head_dim + 1] * weight;
      sum.sums[0] += from[column] * weight;
    }
    p.o.data[sequence * p.o.stride + head * p.head_dim + column] = __float2bfloat16_rn(sum.sums[0] / sum.total);
  }
}

void attention_decode(Stream& stream, Tensor& o, Tensor& partial, const Tensor& q, const Tensor& k_cache,
                      const Tensor& v_cache, const Tensor& lengths, int64_t capacity, const AttentionShape& shape) {
  const int group = int(shape.heads / shape.kv_heads);
  const AttentionDecode p{.o = rows_of(o),
                          .partial = partial ? partial.data<float>() : nullptr,
                          .q = rows_of(q),
                          .k = rows_of(k_cache),
                          .v = rows_of(v_cache),
                          .lengths = lengths.data<int32_t>(),
                          .capacity = int(capacity),
                          .heads = int(shape.heads),
                          .group = group,
                          .head_dim = int(shape.head_dim),
                          .splits = partial ? int(partial.shape()[1]) : 1,
                          .scores = scores_of(shape)};
  const auto start = [&]<int side, int held>() {
    constexpr size_t kShared = shared_bytes<float>(kDecodeWarps * held * (side * 8 + 2));
    static_assert(kShared <= kMostShared);
    const int64_t blocks = q.rows() * shape.kv_heads * ((group + held - 1) / held) * p.splits;
    launch(stream, attention_decode_kernel<side, held>, {blocks}, {kDecodeThreads}, kShared, p);
  };
  const auto with_heads = [&]<int side>() {
    if (group == 1) return start.template operator()<side, 1>();
    if (group == 2) return start.template operator()<side, 2>();
    if (group <= 4) return start.template operator()<side, 4>();
    start.template operator()<side, 8>();
  };
  if (shape.head_dim <= 64) {
    with_heads.template operator()<8>();
  } else if (shape.head_dim <= 128) {
    with_heads.template operator()<16>();
  } else {
    with_heads.template operator()<32>();
  }
  if (partial) launch(stream, attention_decode_sum_kernel, {q.rows() * shape.heads}, {kDecodeThreads}, 0, p);
}

}  // namespace hone::kernels::cuda
