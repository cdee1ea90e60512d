// dy is read once, a slab of rows and columns a block, in tiles that come by cp.async in stages. Of each tile a warp
// takes its own columns to both products: dyᵀ low adds up in registers over all rows of the slab; dy b is the warp's
// share of the tile's rows, added up over the warps through shared memory. What blocks add up a second kernel sums.
#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"
#include "kernels/linear/adapter_gradients.h"

namespace hone::kernels::cuda {

using Bf16 = __nv_bfloat16;

// How a block works on a rank of 8 * eights. A warp's columns of b and of db lie in its registers, 128 a thread at
// most, so that a large rank takes more warps of fewer columns.
template <int eights>
struct AdapterTile {
  static constexpr int kRank = 8 * eights, kRows = AdapterSlabs::kTokens, kColumns = AdapterSlabs::kColumns;
  static constexpr int kWarpColumns = eights <= 4 ? 64 : 32, kWarps = kColumns / kWarpColumns, kThreads = 32 * kWarps;
  static constexpr int kBlocks = 512 / kThreads;    // a multiprocessor has registers for
  static constexpr int kSteps = kWarpColumns / 16;  // a product of tensor cores takes 16 columns
  static constexpr int kStages = 3;
  // Eights of dlow that are added up over the warps at a time.
  static constexpr int kEightsAtOnce = eights <= 3 ? eights : 2, kRanksAtOnce = 8 * kEightsAtOnce;
  static constexpr int kTurns = (eights + kEightsAtOnce - 1) / kEightsAtOnce;
  // Rows of low lie an odd number of 16 bytes apart, so that ldmatrix meets no bank twice.
  static constexpr int kLowStride = 8 * (eights | 1);
  static constexpr int kDyElements = kRows * kColumns, kLowElements = kRows * kLowStride;
  static constexpr int kShares = kWarps * kRows * kRanksAtOnce;
  static constexpr size_t kShared = shared_bytes<Bf16>(kStages * kDyElements) +
                                    shared_bytes<Bf16>(kStages * kLowElements) + shared_bytes<float>(2 * kShares);
  static_assert(kShared <= 99 * 1024);
};

struct AdapterProducts {
  float *dlow_sums, *db_sums;  // of each slab of columns, (rows, rank); of each slab of rows, (columns, rank) or null
  Rows<const Bf16> dy, low;
  const float* b_wide;  // b, of one of both types: the other is null
  const Bf16* b_narrow;
  int64_t b_stride;
  int64_t slab_rows;
  bool dy_aligned, low_aligned;
};

// Where a tile of dy keeps eight neighbouring elements: each row in an order of its own, so that those of eight rows,
// which ldmatrix reads at once, lie in different banks.
__device__ __forceinline__ int dy_place(int row, int eight) {
  return row * AdapterSlabs::kColumns + (eight ^ (row % 8)) * 8;
}

// Eight elements to shared memory, of which `count` are there (none where negative) and zeros behind them; under way
// until waited for where they are aligned, which also says that all or none are there.
__device__ __forceinline__ void copy_eight(Bf16* to, const Bf16* from, int64_t count, bool aligned) {
  if (aligned) return copy_async_16(to, from, count > 0);
#pragma unroll 1  // seldom needed, and registers are scarce
  for (int i = 0; i < 8; ++i) to[i] = i < count ? from[i] : narrowed<Bf16>(0);
}

template <int eights>
__global__ void __launch_bounds__(AdapterTile<eights>::kThreads, AdapterTile<eights>::kBlocks)
    adapter_gradients_kernel(const __grid_constant__ AdapterProducts p) {
  using Tile = AdapterTile<eights>;
  SharedMemory shared;
  Bf16* const dy_tiles = shared.array<Bf16>(Tile::kStages * Tile::kDyElements);
  Bf16* const low_tiles = shared.array<Bf16>(Tile::kStages * Tile::kLowElements);
  float* const shares = shared.array<float>(2 * Tile::kShares);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, group = lane / 4, place = lane % 4;
  const int64_t first_column = int64_t(blockIdx.x) * Tile::kColumns, first_row = blockIdx.y * p.slab_rows;
  const int64_t row_count = min(p.dy.count - first_row, p.slab_rows);
  const int tiles = int((row_count + Tile::kRows - 1) / Tile::kRows);

  const auto copy_tile = [&](int tile) {
    const int64_t row0 = first_row + int64_t(tile) * Tile::kRows;
    Bf16* const dy = dy_tiles + tile % Tile::kStages * Tile::kDyElements;
    Bf16* const low = low_tiles + tile % Tile::kStages * Tile::kLowElements;
    constexpr int kSide = Tile::kColumns / 8, kAtOnce = Tile::kThreads / kSide;
    const int eight = threadIdx.x % kSide;
    const int64_t column = first_column + eight * 8;
#pragma unroll
    for (int i = 0; i < Tile::kRows; i += kAtOnce) {
      const int row = i + int(threadIdx.x) / kSide;
      const int64_t there = row0 + row < p.dy.count ? p.dy.width - column : 0;
      copy_eight(dy + dy_place(row, eight), p.dy.data + (row0 + row) * p.dy.stride + column, there, p.dy_aligned);
    }
    if (p.db_sums && threadIdx.x < Tile::kRows * eights) {
      const int row = threadIdx.x / eights, at = threadIdx.x % eights * 8;
      copy_eight(low + row * Tile::kLowStride + at, p.low.data + (row0 + row) * p.low.stride + at,
                 row0 + row < p.dy.count ? 8 : 0, p.low_aligned);
    }
  };
#pragma unroll
  for (int tile = 0; tile < Tile::kStages - 1; ++tile) {
    if (tile < tiles) copy_tile(tile);
    copy_async_commit();
  }

  // The warp's rows of b, as the operand of eight columns of dy b.
  const int64_t warp_column = first_column + warp * Tile::kWarpColumns;
  uint32_t b[Tile::kSteps][eights][2];
  const auto take_b = [&](const auto* from) {
#pragma unroll
    for (int s = 0; s < Tile::kSteps; ++s)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int64_t n = warp_column + s * 16 + half * 8 + place * 2;
        const auto* const row = from + n * p.b_stride + group;
#pragma unroll
        for (int j = 0; j < eights; ++j) {
          const float first = n < p.dy.width ? widened(row[j * 8]) : 0.0f;
          const float second = n + 1 < p.dy.width ? widened(row[p.b_stride + j * 8]) : 0.0f;
          b[s][j][half] = pack_bf16(first, second);
        }
      }
  };
  if (p.b_wide) {
    take_b(p.b_wide);
  } else {
    take_b(p.b_narrow);
  }

  float db[Tile::kSteps][eights][4] = {};
  copy_async_wait<Tile::kStages - 2>();
  __syncthreads();

  // The row and the half of 16 columns at which a lane points for ldmatrix: of 16 rows as they lie, or transposed.
  const int row_of_rows = lane % 16, half_of_rows = lane / 16;
#ifdef MUTANT_ADAPTER_SWAPPED_FRAGMENTS
  const int row_of_columns = row_of_rows, half_of_columns = half_of_rows;
#else
  const int row_of_columns = lane / 16 * 8 + lane % 8, half_of_columns = lane / 8 % 2;
#endif
  const int warp_eight = warp * Tile::kWarpColumns / 8;
  float* own = shares + warp * Tile::kRows * Tile::kRanksAtOnce;
  int other = Tile::kShares;  // to the other half of the shares, which threads may still be adding up
  for (int tile = 0; tile < tiles; ++tile) {
    if (tile + Tile::kStages - 1 < tiles) copy_tile(tile + Tile::kStages - 1);
    copy_async_commit();
    const Bf16* const dy = dy_tiles + tile % Tile::kStages * Tile::kDyElements;
    const Bf16* const low = low_tiles + tile % Tile::kStages * Tile::kLowElements;

    if (p.db_sums) {
      uint32_t a[Tile::kSteps][4];
#pragma unroll
      for (int s = 0; s < Tile::kSteps; ++s)
        ldmatrix_x4_trans(a[s], dy + dy_place(row_of_columns, warp_eight + 2 * s + half_of_columns));
#pragma unroll
      for (int j = 0; j < eights; j += 2) {
        uint32_t of_low[4];
        ldmatrix_x4_trans(of_low, low + row_of_rows * Tile::kLowStride + min(j + half_of_rows, eights - 1) * 8);
#pragma unroll
        for (int s = 0; s < Tile::kSteps; ++s) {
          mma_m16n8k16(db[s][j], a[s], of_low[0], of_low[1]);
          if (j + 1 < eights) mma_m16n8k16(db[s][j + 1], a[s], of_low[2], of_low[3]);
        }
      }
    }

#pragma unroll
    for (int turn = 0; turn < Tile::kTurns; ++turn) {
      const int first = turn * Tile::kEightsAtOnce;
      float sum[Tile::kEightsAtOnce][4] = {};
#pragma unroll
      for (int s = 0; s < Tile::kSteps; ++s) {
        uint32_t a[4];
        ldmatrix_x4(a, dy + dy_place(row_of_rows, warp_eight + 2 * s + half_of_rows));
#pragma unroll
        for (int j = 0; j < Tile::kEightsAtOnce; ++j)
          if (first + j < eights) mma_m16n8k16(sum[j], a, b[s][first + j][0], b[s][first + j][1]);
      }
#pragma unroll
      for (int j = 0; j < Tile::kEightsAtOnce; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half)
          store_vector(own + (group + half * 8) * Tile::kRanksAtOnce + j * 8 + place * 2,
                       Vector<float, 2>{{sum[j][half * 2], sum[j][half * 2 + 1]}});
      }
      // The one barrier of a turn: what warps give is there, and after the last turn so is the next tile; the tile
      // before this one may be written over, and so may the other half of the shares.
#ifndef MUTANT_ADAPTER_NO_WAIT
      if (turn == Tile::kTurns - 1) copy_async_wait<Tile::kStages - 2>();
#endif
#ifndef MUTANT_ADAPTER_NO_BARRIER
      __syncthreads();
#endif
      const float* const all = own - warp * Tile::kRows * Tile::kRanksAtOnce;
      for (int i = threadIdx.x; i < Tile::kRows * Tile::kRanksAtOnce; i += Tile::kThreads) {
        const int64_t row = first_row + int64_t(tile) * Tile::kRows + i / Tile::kRanksAtOnce;
        const int j = first * 8 + i % Tile::kRanksAtOnce;
        float total = 0;
#pragma unroll 4
        for (int w = 0; w < Tile::kWarps; ++w) total += all[w * Tile::kRows * Tile::kRanksAtOnce + i];
        if (row < p.dy.count && j < Tile::kRank) p.dlow_sums[(blockIdx.x * p.dy.count + row) * Tile::kRank + j] = total;
      }
      own += other, other = -other;
    }
  }

  if (!p.db_sums) return;
#pragma unroll
  for (int s = 0; s < Tile::kSteps; ++s)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t n = warp_column + s * 16 + half * 8 + group;
      if (n >= p.dy.width) continue;
      float* const to = p.db_sums + (blockIdx.y * p.dy.width + n) * Tile::kRank + place * 2;
#pragma unroll
      for (int j = 0; j < eights; ++j)
        store_vector(to + j * 8, Vector<float, 2>{{db[s][j][half * 2], db[s][j][half * 2 + 1]}});
    }
}

// What the blocks wrote becomes dlow and is added to db: an element a thread, slabs in their order.
struct AdapterSums {
  Rows<Bf16> dlow;
  Rows<float> db;  // no rows: not wanted
  const float* sums;
  int across, down;
  float scale;
};
constexpr int kAdapterSumThreads = 256;

__device__ __forceinline__ float sum_of_slabs(const float* sums, int slabs, int64_t apart) {
  float sum = 0;
#pragma unroll 8
  for (int slab = 0; slab < slabs; ++slab) sum += sums[slab * apart];
  return sum;
}
__global__ void __launch_bounds__(kAdapterSumThreads) adapter_sums_kernel(const __grid_constant__ AdapterSums p) {
  const uint32_t rank = uint32_t(p.dlow.width), of_dlow = uint32_t(p.dlow.count) * rank;
  const uint32_t of_db = uint32_t(p.db.count) * rank;
  uint32_t i = blockIdx.x * kAdapterSumThreads + threadIdx.x;
  if (i < of_dlow) {
    const float sum = sum_of_slabs(p.sums + i, p.across, of_dlow);
    p.dlow.data[i / rank * p.dlow.stride + i % rank] = narrowed<Bf16>(p.scale * sum);
  } else if (i -= of_dlow; i < of_db) {
    const float sum = sum_of_slabs(p.sums + int64_t(p.across) * of_dlow + i, p.down, of_db);
    p.db.data[i / rank * p.db.stride + i % rank] += p.scale * sum;
  }
}

namespace {
template <int eights>
void run(LaunchOn on, const AdapterSlabs& slabs, const AdapterProducts& p) {
  if (p.low.width != 8 * eights) return run<eights - 1>(on, slabs, p);
  using Tile = AdapterTile<eights>;
  launch(on, adapter_gradients_kernel<eights>, {slabs.across, slabs.down}, {Tile::kThreads}, Tile::kShared, p);
}
template <>
void run<0>(LaunchOn, const AdapterSlabs&, const AdapterProducts&) {}
}  // namespace

void adapter_gradients(Stream& stream, Tensor& dlow, Tensor* db, Tensor& sums, const Tensor& dy, const Tensor& low,
                       const Tensor& b, double scale) {
  const AdapterSlabs slabs(dy.rows(), dy.width());
  AdapterProducts p{.dlow_sums = sums.data<float>(),
                    .db_sums = nullptr,
                    .dy = native(dy.as_rows<bfloat16>()),
                    .low = native(low.as_rows<bfloat16>()),
                    .b_wide = nullptr,
                    .b_narrow = nullptr,
                    .b_stride = b.row_stride(),
                    .slab_rows = slabs.tokens,
                    .dy_aligned = false,
                    .low_aligned = false};
  if (b.dtype() == DType::float32) {
    p.b_wide = b.data<float>();
  } else {
    p.b_narrow = native(b.data<bfloat16>());
  }
  if (db) p.db_sums = p.dlow_sums + slabs.across * dlow.elements();
  p.dy_aligned = rows_are_aligned(p.dy.width, p.dy.stride, p.dy.data);
  p.low_aligned = rows_are_aligned(p.low.width, p.low.stride, p.low.data);
  run<8>(stream, slabs, p);
  const AdapterSums all{.dlow = native(dlow.as_rows<bfloat16>()),
                        .db = db ? db->as_rows<float>() : Rows<float>{},
                        .sums = p.dlow_sums,
                        .across = int(slabs.across),
                        .down = int(slabs.down),
                        .scale = float(scale)};
  const int64_t elements = dlow.elements() + (db ? db->elements() : 0);
  launch(stream, adapter_sums_kernel, {(elements + kAdapterSumThreads - 1) / kAdapterSumThreads}, {kAdapterSumThreads},
         0, all);
}

}  // namespace hone::kernels::cuda
