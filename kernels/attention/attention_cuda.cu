// The way forward of FlashAttention-2 (Dao 2023): a block owns 64 queries of one head, a warp 16 of them, and walks the
// keys they see. Tensor cores multiply bfloat16 (mma.sync) and sum in float32; scores never leave registers.
#include <algorithm>

#include "kernels/attention/attention_library.h"
#include "kernels/attention/tile_cuda.cuh"

namespace hone::kernels::cuda {

// How much of the keys and values lies in shared memory at a time. With two stages the next tile of both comes while
// one is worked on; with one, values come while scores are made, and the next keys while values are summed.
struct ForwardTiling {
  int keys, stages;
  bool keep_q;  // queries as fragments in registers; else they stay in shared memory
  int blocks;   // a multiprocessor, which bounds registers

  constexpr size_t shared(int head) const {  // bytes
    return 2 * shared_bytes<Bf16>(stages * keys * head) + (keep_q ? 0 : shared_bytes<Bf16>(kTileRows * head));
  }
};
template <int head>
inline constexpr ForwardTiling kForward = head == 64    ? ForwardTiling{64, 2, true, 3}
                                          : head == 96  ? ForwardTiling{64, 1, true, 3}
                                          : head == 128 ? ForwardTiling{64, 1, true, 2}
                                                        : ForwardTiling{64, 1, false, 1};

struct AttentionForward {
  Rows<Bf16> o;
  float* log_sum_exp;  // (T, heads)
  Rows<const Bf16> q, k, v;
  const int4* tiles;  // of queries
  int heads, group, head_dim;
  Scores scores;
};

template <int head>
__global__ void __launch_bounds__(kTileThreads, kForward<head>.blocks)
    attention_forward_kernel(const __grid_constant__ AttentionForward p) {
  constexpr ForwardTiling kTiling = kForward<head>;
  constexpr int kKeys = kTiling.keys, kStages = kTiling.stages;
  SharedMemory shared;
  Bf16* const tile_k = shared.array<Bf16>(kStages * kKeys * head);
  Bf16* const tile_v = shared.array<Bf16>(kStages * kKeys * head);
  // Queries that move to registers pass through room that is not used yet.
  Bf16* const tile_q = !kTiling.keep_q ? shared.array<Bf16>(kTileRows * head)
                       : kStages == 2  ? tile_k + kKeys * head
                                       : tile_v;

  const int4 tile = p.tiles[blockIdx.x / unsigned(p.heads)];
  const int query_head = int(blockIdx.x % unsigned(p.heads)), key_head = query_head / p.group;
  // Rows count from the document's first on.
  const int q0 = tile.x - tile.z, rows = tile.y - tile.x, end = tile.y - tile.z;
  const int first = max(q0 + 1 - p.scores.reach, 0) / kKeys * kKeys, tiles = (end - first + kKeys - 1) / kKeys;
  const Bf16* const q = p.q.data + tile.x * p.q.stride + query_head * p.head_dim;
  const Bf16* const k = p.k.data + (tile.z + first) * p.k.stride + key_head * p.head_dim;
  const Bf16* const v = p.v.data + (tile.z + first) * p.v.stride + key_head * p.head_dim;
  const auto load = [&](Bf16* to, const Rows<const Bf16>& matrix, const Bf16* from, int t) {
    load_tile<head, kKeys, kTileThreads>(to + t % kStages * kKeys * head, from + t * kKeys * matrix.stride,
                                         matrix.stride, end - first - t * kKeys, p.head_dim);
  };
  load_tile<head, kTileRows, kTileThreads>(tile_q, q, p.q.stride, rows, p.head_dim);
  load(tile_k, p.k, k, 0);
  if (kStages == 2) load(tile_v, p.v, v, 0);
  copy_async_commit();
  copy_async_wait<0>();
  __syncthreads();

  const int strip = warp() * 16, row = q0 + strip;  // this warp's 16 queries
  RowOperand<head, kTiling.keep_q> queries;
  queries.take(tile_q + strip * head);
  float sums[head / 8][4] = {}, best[2] = {kUnseen, kUnseen}, total[2] = {};
  for (int t = 0; t < tiles; ++t) {
    const int key = first + t * kKeys;
#ifndef MUTANT_ATTENTION_NO_WAIT
    copy_async_wait<0>();
#endif
#ifndef MUTANT_ATTENTION_NO_BARRIER
    __syncthreads();  // the tile is here, and nobody reads the one before any more
#endif
    if (kStages == 1) {
      load(tile_v, p.v, v, t);
    } else if (t + 1 < tiles) {
      load(tile_k, p.k, k, t + 1);
      load(tile_v, p.v, v, t + 1);
    }
    copy_async_commit();
    const bool sees = strip < rows && any_seen<false>(row, key, kKeys, p.scores);
    float s[kKeys / 8][4];
    if (sees) multiply_transposed<head, kKeys>(s, queries, tile_k + t % kStages * kKeys * head);
    if (kStages == 1) {
      copy_async_wait<0>();
      __syncthreads();
      if (t + 1 < tiles) load(tile_k, p.k, k, t + 1);
      copy_async_commit();
    }
    if (!sees) continue;
    // What a row that has seen no key so far sums up vanishes with its first one.
    make_scores<false, kKeys>(s, row, key, p.scores);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float top = best[half];
#pragma unroll
      for (int j = 0; j < kKeys / 8; ++j) top = fmaxf(top, fmaxf(s[j][half * 2], s[j][half * 2 + 1]));
      top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
      top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
      const float base = top * p.scores.factor, shrink = exp2_approx(best[half] * p.scores.factor - base);
      best[half] = top;
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kKeys / 8; ++j)
#pragma unroll
        for (int e = half * 2; e < half * 2 + 2; ++e) sum += s[j][e] = exp2_approx(s[j][e] * p.scores.factor - base);
      total[half] = total[half] * shrink + sum;
#pragma unroll
      for (int j = 0; j < head / 8; ++j) sums[j][half * 2] *= shrink, sums[j][half * 2 + 1] *= shrink;
    }
    multiply<head, kKeys>(sums, s, tile_v + t % kStages * kKeys * head);
  }
  copy_async_wait<0>();
  __syncthreads();

#pragma unroll
  for (int half = 0; half < 2; ++half) {
    total[half] += __shfl_xor_sync(kAllLanes, total[half], 1);
    total[half] += __shfl_xor_sync(kAllLanes, total[half], 2);
    const int at = strip + half * 8 + lane() / 4;
    if (lane() % 4 == 0 && at < rows)
      p.log_sum_exp[int64_t(tile.x + at) * p.heads + query_head] =
          (best[half] * p.scores.factor + log2f(total[half])) * kLn2;
  }
  store_rows<head>(p.o.data + (tile.x + strip) * p.o.stride + query_head * p.head_dim, p.o.stride, rows - strip,
                   p.head_dim, sums, 1.0f / total[0], 1.0f / total[1], tile_k + strip * head);
}

void attention(Stream& stream, Tensor& o, Tensor& log_sum_exp, LibraryAttention& library, const Tensor& q,
               const Tensor& k, const Tensor& v, const DocumentOffsets& documents, const AttentionShape& shape) {
  if (library && cudnn_attention(stream, library, o, log_sum_exp, q, k, v, shape)) return;
  const AttentionForward p{.o = rows_of(o),
                           .log_sum_exp = log_sum_exp.data<float>(),
                           .q = rows_of(q),
                           .k = rows_of(k),
                           .v = rows_of(v),
                           .tiles = reinterpret_cast<const int4*>(documents.tiles.data<int32_t>()),
                           .heads = int(shape.heads),
                           .group = int(shape.heads / shape.kv_heads),
                           .head_dim = int(shape.head_dim),
                           .scores = scores_of(shape)};
  visit_head(shape.head_dim, [&]<int head>() {
    static_assert(kForward<head>.shared(head) <= kMostShared);
    launch(stream, attention_forward_kernel<head>, {documents.tile_count * shape.heads}, {kTileThreads},
           kForward<head>.shared(head), p);
  });
}

}  // namespace hone::kernels::cuda
