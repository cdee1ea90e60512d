// The way back, in two kernels that each own what they write: no atomics, so the same input gives the same bits. Scores
// and their gradients are made in both: seven products where five would do, but nothing of size T x T and no sums of dq
// travel through memory, whose bandwidth is what the smaller GPUs lack.
#include <algorithm>

#include "kernels/attention/scratch.h"
#include "kernels/attention/tile_cuda.cuh"

namespace hone::kernels::cuda {

struct AttentionBackward {
  Rows<Bf16> dq, dk, dv;
  float* delta;  // (T, heads): sum of dout * o, made on the way to dq
  Rows<const Bf16> dout, q, k, v, o;
  const float* log_sum_exp;  // (T, heads)
  const int4* tiles;
  int heads, group, head_dim;
  Scores scores;
  float scale;
};

// --- dq: a block owns 64 queries of one head and walks the keys they see, as on the way forward ---

struct QueryTiling {
  int keys, stages;
  bool keep;  // queries and output gradients as fragments in registers; else they stay in shared memory
  int blocks;

  constexpr size_t shared(int head) const {
    return 2 * shared_bytes<Bf16>(stages * keys * head) + (keep ? 0 : 2 * shared_bytes<Bf16>(kTileRows * head)) +
           shared_bytes<float>(kTileRows);
  }
};
template <int head>
inline constexpr QueryTiling kQueries = head == 64    ? QueryTiling{64, 2, true, 2}
                                        : head == 96  ? QueryTiling{64, 2, true, 2}
                                        : head == 128 ? QueryTiling{32, 2, true, 2}
                                                      : QueryTiling{16, 1, false, 1};

// delta of a warp's 16 rows, to shared and global memory.
template <int head>
__device__ __forceinline__ void make_delta(float* delta, float* to, int64_t to_stride, const Bf16* o, int64_t o_stride,
                                           const Bf16* tile_g, int count, int head_dim) {
  constexpr int kSide = kVectorGroup<head>;
#pragma unroll
  for (int r = 0; r < 16; r += 32 / kSide) {
    const int row = r + lane() / kSide;
    float sum = 0;
#pragma unroll
    for (int v = lane() % kSide; v < head / 8; v += kSide)
      if (row < count && v * 8 < head_dim) {
        const Bf16x8 a = unpack(*reinterpret_cast<const uint4*>(o + row * o_stride + v * 8)),
                     b = unpack(*reinterpret_cast<const uint4*>(tile_g + place<head>(row, v)));
#pragma unroll
        for (int i = 0; i < 8; ++i) sum += a.value[i] * b.value[i];
      }
#pragma unroll
    for (int offset = kSide / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(kAllLanes, sum, offset);
    if (lane() % kSide == 0) {
      delta[row] = sum;
      if (row < count) to[row * to_stride] = sum;
    }
  }
#ifndef MUTANT_ATTENTION_DELTA_UNSEEN
  __syncwarp();
#endif
}

template <int head>
__global__ void __launch_bounds__(kTileThreads, kQueries<head>.blocks)
    attention_dq_kernel(const __grid_constant__ AttentionBackward p) {
  constexpr QueryTiling kTiling = kQueries<head>;
  constexpr int kKeys = kTiling.keys, kStages = kTiling.stages;
  SharedMemory shared;
  Bf16* const tile_k = shared.array<Bf16>(kStages * kKeys * head);
  Bf16* const tile_v = shared.array<Bf16>(kStages * kKeys * head);
  // What moves to registers passes through the room of keys and values.
  static_assert(!kTiling.keep || kStages * kKeys >= kTileRows);
  Bf16* const tile_q = kTiling.keep ? tile_k : shared.array<Bf16>(kTileRows * head);
  Bf16* const tile_g = kTiling.keep ? tile_v : shared.array<Bf16>(kTileRows * head);
  float* const deltas = shared.array<float>(kTileRows);

  const int4 tile = p.tiles[blockIdx.x / unsigned(p.heads)];
  const int query_head = int(blockIdx.x % unsigned(p.heads)), key_head = query_head / p.group;
  const int q0 = tile.x - tile.z, rows = tile.y - tile.x, end = tile.y - tile.z;
  const int first = max(q0 + 1 - p.scores.reach, 0) / kKeys * kKeys, tiles = (end - first + kKeys - 1) / kKeys;
  const Bf16* const k = p.k.data + (tile.z + first) * p.k.stride + key_head * p.head_dim;
  const Bf16* const v = p.v.data + (tile.z + first) * p.v.stride + key_head * p.head_dim;
  const auto load = [&](Bf16* to, const Rows<const Bf16>& matrix, const Bf16* from, int t) {
    load_tile<head, kKeys, kTileThreads>(to + t % kStages * kKeys * head, from + t * kKeys * matrix.stride,
                                         matrix.stride, end - first - t * kKeys, p.head_dim);
  };
  load_tile<head, kTileRows, kTileThreads>(tile_q, p.q.data + tile.x * p.q.stride + query_head * p.head_dim, p.q.stride,
                                           rows, p.head_dim);
  load_tile<head, kTileRows, kTileThreads>(tile_g, p.dout.data + tile.x * p.dout.stride + query_head * p.head_dim,
                                           p.dout.stride, rows, p.head_dim);
  copy_async_commit();
  copy_async_wait<0>();
  __syncthreads();
  const int strip = warp() * 16, row = q0 + strip;  // this warp's 16 queries
  RowOperand<head, kTiling.keep> queries, gradients;
  queries.take(tile_q + strip * head);
  gradients.take(tile_g + strip * head);
  const int64_t at = int64_t(tile.x + strip) * p.heads + query_head;
  make_delta<head>(deltas + strip, p.delta + at, p.heads,
                   p.o.data + (tile.x + strip) * p.o.stride + query_head * p.head_dim, p.o.stride,
                   tile_g + strip * head, rows - strip, p.head_dim);
  float log_sum[2], delta[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = half * 8 + lane() / 4;
    log_sum[half] = strip + r < rows ? p.log_sum_exp[at + int64_t(r) * p.heads] * kLog2e : INFINITY;
    delta[half] = deltas[strip + r];
  }
  __syncthreads();  // their room is free
  load(tile_v, p.v, v, 0);
  if (kStages == 2) load(tile_k, p.k, k, 0);
  copy_async_commit();

  float sums[head / 8][4] = {};
  for (int t = 0; t < tiles; ++t) {
    const int key = first + t * kKeys;
    copy_async_wait<0>();
    __syncthreads();  // the tile is here, and nobody reads the one before any more
    if (kStages == 1) {
      load(tile_k, p.k, k, t);
    } else if (t + 1 < tiles) {
      load(tile_v, p.v, v, t + 1);
      load(tile_k, p.k, k, t + 1);
    }
    copy_async_commit();
    const bool sees = strip < rows && any_seen<false>(row, key, kKeys, p.scores);
    float ds[kKeys / 8][4];
    if (sees) multiply_transposed<head, kKeys>(ds, gradients, tile_v + t % kStages * kKeys * head);
    if (kStages == 1) {
      copy_async_wait<0>();
      __syncthreads();
      if (t + 1 < tiles) load(tile_v, p.v, v, t + 1);
      copy_async_commit();
    }
    if (!sees) continue;
    const Bf16* const keys = tile_k + t % kStages * kKeys * head;
    float s[kKeys / 8][4];
    multiply_transposed<head, kKeys>(s, queries, keys);
    make_scores<false, kKeys>(s, row, key, p.scores);
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        ds[j][e] = exp2_approx(s[j][e] * p.scores.factor - log_sum[e / 2]) * (ds[j][e] - delta[e / 2]);
    if (p.scores.soften > 0)
#pragma unroll
      for (int j = 0; j < kKeys / 8; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) ds[j][e] *= 1 - s[j][e] * s[j][e];
    multiply<head, kKeys>(sums, ds, keys);
  }
  copy_async_wait<0>();
  __syncthreads();
  store_rows<head>(p.dq.data + (tile.x + strip) * p.dq.stride + query_head * p.head_dim, p.dq.stride, rows - strip,
                   p.head_dim, sums, p.scale, p.scale, tile_q + strip * head);
}

// --- dk, dv: a block owns 64 keys of one key head and walks the queries that see them, of all heads that share it ---
//
// Two warps work on 16 keys: one makes the weights and sums dv, the other makes their gradients and sums dk, two
// products each. So each keeps sums for one of the two only, and its keys or values as fragments, in registers.

struct KeyTiling {
  int queries, blocks;

  constexpr size_t shared(int head) const {
    return 2 * shared_bytes<Bf16>(2 * queries * head) + shared_bytes<float>(kTileRows * queries) +
           shared_bytes<float>(4 * queries);
  }
};
template <int head>
inline constexpr KeyTiling kKeyTiles = head == 64    ? KeyTiling{32, 2}
                                       : head == 96  ? KeyTiling{32, 1}
                                       : head == 128 ? KeyTiling{64, 1}
                                                     : KeyTiling{32, 1};
inline constexpr int kKeyThreads = 2 * kTileThreads;

template <int head>
__global__ void __launch_bounds__(kKeyThreads, kKeyTiles<head>.blocks)
    attention_dk_dv_kernel(const __grid_constant__ AttentionBackward p) {
  constexpr int kRows = kKeyTiles<head>.queries;  // queries at a time
  static_assert(2 * kRows >= kTileRows);
  SharedMemory shared;
  Bf16* const tile_q = shared.array<Bf16>(2 * kRows * head);
  Bf16* const tile_g = shared.array<Bf16>(2 * kRows * head);
  float* const weights = shared.array<float>(kTileRows * kRows);  // as the warps' lanes hold them
  float* const of_query = shared.array<float>(4 * kRows);         // log_sum_exp, delta, in two stages

  const int key_heads = p.heads / p.group;
  const int4 tile = p.tiles[blockIdx.x / unsigned(key_heads)];
  const int key_head = int(blockIdx.x % unsigned(key_heads));
  const int k0 = tile.x - tile.z, rows = tile.y - tile.x;
  const int stop = min(tile.w - tile.z, k0 + rows - 1 + p.scores.reach), end_of_heads = (key_head + 1) * p.group;
  const bool second = threadIdx.x >= kTileThreads;  // the warp that sums dk
  const int strip = warp() % 4 * 16, row = k0 + strip;

  // Loads queries from `query` on of a head, and the gradients of its outputs, into a stage. Returns what this thread
  // brings of log_sum_exp and delta. A query that is none has no weight.
  const auto load = [&](int stage, int query_head, int query) {
    const int64_t at = tile.z + query;
    load_tile<head, kRows, kKeyThreads>(tile_q + stage * kRows * head,
                                        p.q.data + at * p.q.stride + query_head * p.head_dim, p.q.stride, stop - query,
                                        p.head_dim);
    load_tile<head, kRows, kKeyThreads>(tile_g + stage * kRows * head,
                                        p.dout.data + at * p.dout.stride + query_head * p.head_dim, p.dout.stride,
                                        stop - query, p.head_dim);
    copy_async_commit();
    const int mine = int(threadIdx.x % kRows);
    const bool is_log_sum = threadIdx.x < kRows;
    if (threadIdx.x >= 2 * kRows || query + mine >= stop) return is_log_sum ? INFINITY : 0.0f;
    return (is_log_sum ? p.log_sum_exp : p.delta)[(at + mine) * p.heads + query_head];
  };

  load_tile<head, kTileRows, kKeyThreads>(tile_q, p.k.data + tile.x * p.k.stride + key_head * p.head_dim, p.k.stride,
                                          rows, p.head_dim);
  load_tile<head, kTileRows, kKeyThreads>(tile_g, p.v.data + tile.x * p.v.stride + key_head * p.head_dim, p.v.stride,
                                          rows, p.head_dim);
  copy_async_commit();
  copy_async_wait<0>();
  __syncthreads();
  RowOperand<head, true> own;  // keys of the first warp, values of the second
  own.take((second ? tile_g : tile_q) + strip * head);
  __syncthreads();  // their room is free
  int query_head = key_head * p.group, query = k0, stage = 0;
  float of_mine = load(stage, query_head, query);
  float sums[head / 8][4] = {};
  for (;;) {
    if (threadIdx.x < 2 * kRows) of_query[stage * 2 * kRows + threadIdx.x] = of_mine;
    copy_async_wait<0>();
    __syncthreads();  // the tile is here, and nobody reads the one before any more
    int next_head = query_head, next = query + kRows;
    if (next >= stop) ++next_head, next = k0;
    const bool more = next_head < end_of_heads;
    if (more) of_mine = load(1 - stage, next_head, next);
    const bool seen = strip < rows && any_seen<true>(row, query, kRows, p.scores);
    const Bf16 *const queries = tile_q + stage * kRows * head, *const gradients = tile_g + stage * kRows * head;
    float* const exchange = weights + strip * kRows + lane() * 4;
    float x[kRows / 8][4];  // (keys, queries): products of queries and keys, or of their gradients and values
    if (seen) {
      multiply_transposed<head, kRows>(x, own, second ? gradients : queries);
      if (!second) {
        make_scores<true, kRows>(x, row, query, p.scores);
        const float* const log_sums = of_query + stage * 2 * kRows + lane() % 4 * 2;
#pragma unroll
        for (int j = 0; j < kRows / 8; ++j) {
          const Vector<float, 2> log_sum = load_vector<2>(log_sums + j * 8);
          Vector<float, 4> given;  // weights, times the slope of softened scores
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            const float weight = exp2_approx(x[j][e] * p.scores.factor - log_sum.value[e % 2] * kLog2e);
            given.value[e] = p.scores.soften > 0 ? weight * (1 - x[j][e] * x[j][e]) : weight;
            x[j][e] = weight;
          }
          store_vector(exchange + j * 128, given);
        }
      }
    }
#ifndef MUTANT_ATTENTION_NO_EXCHANGE
    __syncthreads();
#endif
    if (seen) {
      if (second) {
        const float* const deltas = of_query + stage * 2 * kRows + kRows + lane() % 4 * 2;
#pragma unroll
        for (int j = 0; j < kRows / 8; ++j) {
          const Vector<float, 2> delta = load_vector<2>(deltas + j * 8);
          const Vector<float, 4> sloped = load_vector<4>(exchange + j * 128);
#pragma unroll
          for (int e = 0; e < 4; ++e) x[j][e] = sloped.value[e] * (x[j][e] - delta.value[e % 2]);
        }
      }
      multiply<head, kRows>(sums, x, second ? queries : gradients);
    }
    if (!more) break;
    query_head = next_head, query = next, stage = 1 - stage;
  }
  __syncthreads();
  const Rows<Bf16>& to = second ? p.dk : p.dv;
  const float factor = second ? p.scale : 1.0f;
  store_rows<head>(to.data + (tile.x + strip) * to.stride + key_head * p.head_dim, to.stride, rows - strip, p.head_dim,
                   sums, factor, factor, (second ? tile_q : tile_g) + strip * head);
}

void attention_backward(Stream& stream, Tensor& dq, Tensor& dk, Tensor& dv, AttentionScratch& scratch,
                        const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o,
                        const Tensor& log_sum_exp, const DocumentOffsets& documents, const AttentionShape& shape) {
  if (scratch.library &&
      cudnn_attention_backward(stream, scratch.library, dq, dk, dv, dout, q, k, v, o, log_sum_exp, shape))
    return;
  const auto* const tiles = reinterpret_cast<const int4*>(documents.tiles.data<int32_t>());
  AttentionBackward p{.dq = rows_of(dq),
                      .dk = rows_of(dk),
                      .dv = rows_of(dv),
                      .delta = scratch.delta.data<float>(),
                      .dout = rows_of(dout),
                      .q = rows_of(q),
                      .k = rows_of(k),
                      .v = rows_of(v),
                      .o = rows_of(o),
                      .log_sum_exp = log_sum_exp.data<float>(),
                      .tiles = tiles,
                      .heads = int(shape.heads),
                      .group = int(shape.heads / shape.kv_heads),
                      .head_dim = int(shape.head_dim),
                      .scores = scores_of(shape),
                      .scale = float(shape.score_scale())};
  visit_head(shape.head_dim, [&]<int head>() {
    static_assert(kQueries<head>.shared(head) <= kMostShared && kKeyTiles<head>.shared(head) <= kMostShared);
    launch(stream, attention_dq_kernel<head>, {documents.tile_count * shape.heads}, {kTileThreads},
           kQueries<head>.shared(head), p);
    p.tiles = tiles + documents.tiles.shape()[1];  // of keys
    launch(stream, attention_dk_dv_kernel<head>, {documents.tile_count * shape.kv_heads}, {kKeyThreads},
           kKeyTiles<head>.shared(head), p);
  });
}

}  // namespace hone::kernels::cuda
