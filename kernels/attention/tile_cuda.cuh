// What the attention kernels for CUDA share: tiles of rows in shared memory, how a warp reads them as operands of
// mma.sync, what a query sees. A warp works on 16 rows; fragments are those of mma.m16n8k16 in the PTX ISA.
#pragma once
#include "kernels/attention/attention.h"
#include "kernels/attention/tiles.h"
#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"

namespace hone::kernels::cuda {

using Bf16 = __nv_bfloat16;

inline constexpr float kLog2e = 1.4426950408889634f, kLn2 = 0.6931471805599453f;
inline constexpr size_t kMostShared = 99 * 1024;  // bytes a block, on 12.1

// Four warps own the 64 rows of a tile.
inline constexpr int kTileRows = kAttentionTile, kTileThreads = 2 * kTileRows;

// Unsigned until divided: a division of what may be negative takes registers and instructions.
__device__ __forceinline__ int lane() { return int(threadIdx.x % 32); }
__device__ __forceinline__ int warp() { return int(threadIdx.x / 32); }

// --- Tiles in shared memory: rows of `head` elements, in vectors of 16 bytes ---

// ldmatrix reads one vector of 8 rows at a time: they must lie in 8 different sixteen-byte banks. So each row keeps the
// vectors of a group in an order of its own.
template <int head>
inline constexpr int kVectorGroup = head % 64 == 0 ? 8 : 4;

// Where a tile keeps a vector of a row.
template <int head>
__device__ __forceinline__ int place(int row, int vector) {
  constexpr int kGroup = kVectorGroup<head>;
  const int order = kGroup == 8 ? row % 8 : row / 2 % 4;
  return row * head + (vector / kGroup * kGroup + ((vector % kGroup) ^ order)) * 8;
}

// Starts to copy rows of one head, `stride` elements apart; as many threads side by side move a row as a group has
// vectors. Rows from `count` on and elements from `head_dim` on are filled with zeros.
template <int head, int rows, int threads>
__device__ __forceinline__ void load_tile(Bf16* tile, const Bf16* from, int64_t stride, int count, int head_dim) {
  constexpr int kSide = kVectorGroup<head>, kRows = threads / kSide;
  const int side = int(threadIdx.x % kSide);
  int row = int(threadIdx.x / kSide);
  const Bf16* source = from + row * stride + side * 8;
#pragma unroll
  for (int r = 0; r < rows; r += kRows, row += kRows, source += kRows * stride) {
    if (rows % kRows != 0 && row >= rows) break;
#pragma unroll
    for (int v = 0; v < head / 8; v += kSide) {
      const bool valid = row < count && (v + side) * 8 < head_dim;
      copy_async_16(tile + place<head>(row, v + side), source + v * 8, valid);
    }
  }
}

// --- Operands of products, by ldmatrix.x4: 16x16 elements at a time ---

// The row and the half of 16 columns whose vector a lane points at: for A of the tile's rows and for B of its rows
// (transposed by ldmatrix), and for B whose columns are the tile's rows.
template <int head>
class Pointers {
 public:
  static __device__ __forceinline__ Pointers rows() { return {lane() % 16, lane() / 16}; }
  static __device__ __forceinline__ Pointers columns() {
#ifdef MUTANT_ATTENTION_SWAPPED_FRAGMENTS
    return rows();
#endif
    return {lane() / 16 * 8 + lane() % 8, lane() / 8 % 2};
  }
  // Of the 16 rows from row16 * 16 on, the 16 columns from column16 * 16 on. Few registers serve for all of them.
  __device__ __forceinline__ int at(int row16, int column16) const {
    return at_[column16 % kPlaces] + row16 * 16 * head + column16 / kPlaces * kPlaces * 16;
  }

 private:
  static constexpr int kPlaces = kVectorGroup<head> / 2;
  __device__ __forceinline__ Pointers(int row, int half) {
#pragma unroll
    for (int i = 0; i < kPlaces; ++i) at_[i] = place<head>(row, 2 * i + half);
  }
  int at_[kPlaces];
};

// 16 rows of a tile as A: kept in registers, or read each time from the tile, which then must stay.
template <int head, bool in_registers>
class RowOperand {
 public:
  // `rows`: where the 16 rows begin.
  __device__ __forceinline__ void take(const Bf16* rows) {
    rows_ = rows;
    if constexpr (in_registers) {
      const Pointers<head> pointers = Pointers<head>::rows();
#pragma unroll
      for (int kk = 0; kk < head / 16; ++kk) ldmatrix_x4(kept_[kk], rows + pointers.at(0, kk));
    }
  }
  __device__ __forceinline__ void read(int kk, uint32_t (&a)[4]) const {
    if constexpr (in_registers) {
#pragma unroll
      for (int i = 0; i < 4; ++i) a[i] = kept_[kk][i];
    } else {
      ldmatrix_x4(a, rows_ + Pointers<head>::rows().at(0, kk));
    }
  }

 private:
  const Bf16* rows_;
  uint32_t kept_[in_registers ? head / 16 : 1][4];
};

// s (16 x columns) = a bᵀ, b the first `columns` rows of a tile.
template <int head, int columns, bool in_registers>
__device__ __forceinline__ void multiply_transposed(float (&s)[columns / 8][4], const RowOperand<head, in_registers>& a,
                                                    const Bf16* tile) {
  const Pointers<head> pointers = Pointers<head>::columns();
#pragma unroll
  for (int j = 0; j < columns / 8; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e) s[j][e] = 0;
#pragma unroll
  for (int kk = 0; kk < head / 16; ++kk) {
    uint32_t of_a[4];
    a.read(kk, of_a);
#pragma unroll
    for (int j = 0; j < columns / 16; ++j) {
      uint32_t b[4];
      ldmatrix_x4(b, tile + pointers.at(j, kk));
      mma_m16n8k16(s[2 * j], of_a, b[0], b[1]);
      mma_m16n8k16(s[2 * j + 1], of_a, b[2], b[3]);
    }
  }
}

// sums (16 x head) += s b, s rounded to bfloat16, b the first `columns` rows of a tile. What accumulates one product
// is laid out as operand A of the next.
template <int head, int columns>
__device__ __forceinline__ void multiply(float (&sums)[head / 8][4], const float (&s)[columns / 8][4],
                                         const Bf16* tile) {
  const Pointers<head> pointers = Pointers<head>::rows();
#pragma unroll
  for (int kk = 0; kk < columns / 16; ++kk) {
    const uint32_t a[4] = {pack_bf16(s[2 * kk][0], s[2 * kk][1]), pack_bf16(s[2 * kk][2], s[2 * kk][3]),
                           pack_bf16(s[2 * kk + 1][0], s[2 * kk + 1][1]),
                           pack_bf16(s[2 * kk + 1][2], s[2 * kk + 1][3])};
#pragma unroll
    for (int j = 0; j < head / 16; ++j) {
      uint32_t b[4];
#ifdef MUTANT_ATTENTION_NO_TRANS
      ldmatrix_x4(b, tile + pointers.at(kk, j));
#else
      ldmatrix_x4_trans(b, tile + pointers.at(kk, j));
#endif
      mma_m16n8k16(sums[2 * j], a, b[0], b[1]);
      mma_m16n8k16(sums[2 * j + 1], a, b[2], b[3]);
    }
  }
}

// Rows of results to global memory, a warp's 16 of them, rounded; by way of 16 rows of shared memory that are the
// warp's alone, so that 16 bytes are stored at once.
template <int head>
__device__ __forceinline__ void store_rows(Bf16* to, int64_t stride, int count, int head_dim,
                                           const float (&sums)[head / 8][4], float factor, float factor_below,
                                           Bf16* staging) {
#pragma unroll
  for (int j = 0; j < head / 8; ++j) {
    *reinterpret_cast<uint32_t*>(staging + place<head>(lane() / 4, j) + lane() % 4 * 2) =
        pack_bf16(sums[j][0] * factor, sums[j][1] * factor);
    *reinterpret_cast<uint32_t*>(staging + place<head>(lane() / 4 + 8, j) + lane() % 4 * 2) =
        pack_bf16(sums[j][2] * factor_below, sums[j][3] * factor_below);
  }
  __syncwarp();
  constexpr int kRows = 32 / kVectorGroup<head>;
#pragma unroll
  for (int r = 0; r < 16; r += kRows)
#pragma unroll
    for (int v = 0; v < head / 8; v += kVectorGroup<head>) {
      const int row = r + lane() / kVectorGroup<head>, vector = v + lane() % kVectorGroup<head>;
#ifdef MUTANT_ATTENTION_STORES_ALL_ROWS
      count = 16;
#endif
      if (row < count && vector * 8 < head_dim)
        *reinterpret_cast<uint4*>(to + row * stride + vector * 8) =
            *reinterpret_cast<const uint4*>(staging + place<head>(row, vector));
    }
}

// --- Scores ---

// Weights are 2 to the (factor * score - …), scores of products of queries and keys. With a soft cap the score is the
// tanh of soften * product, that is 1 - 2 / (1 + 2^(…)).
struct Scores {
  float factor;
  float soften;  // times 2 log2(e); 0: no cap
  int reach;     // how many keys a query sees at most

  __device__ __forceinline__ float softened(float product) const {
    return 1.0f - __fdividef(2.0f, 1.0f + exp2_approx(product * soften));
  }
};
inline Scores scores_of(const AttentionShape& shape) {
  const double scale = shape.score_scale(), cap = shape.softcap;
  const int reach = int(std::min<int64_t>(shape.reach(), 1 << 30));  // so that sums with a row are still int
  return cap > 0 ? Scores{float(cap * kLog2e), float(2 * kLog2e * scale / cap), reach}
                 : Scores{float(scale * kLog2e), 0, reach};
}
// So low that the weight is 0, and yet its square is a number. A power of two: its product with a factor is then the
// same whether or not it is rounded before the next sum, so that a row that has seen no key yet subtracts it to 0.
inline constexpr float kUnseen = -0x1p50f;

// Products of a warp's 16 rows with `columns` others become scores; kUnseen where row and column do not see each
// other. Both count from the document's first row. `keys`: the rows are keys and the columns queries, else the other
// way round.
template <bool keys, int columns>
__device__ __forceinline__ void make_scores(float (&s)[columns / 8][4], int row, int column, const Scores& scores) {
  if (scores.soften > 0)
#pragma unroll
    for (int j = 0; j < columns / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) s[j][e] = scores.softened(s[j][e]);
  const bool all = keys ? column >= row + 15 && column + columns <= row + scores.reach
                        : column + columns <= row + 1 && column + scores.reach >= row + 16;
  if (all) return;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int mine = row + half * 8 + lane() / 4 - column - lane() % 4 * 2;
#ifdef MUTANT_ATTENTION_MASK_OFF_BY_ONE
    const int from = keys ? mine : mine - scores.reach, to = keys ? mine + 1 + scores.reach : mine + 1;
#else
    const int from = keys ? mine : mine + 1 - scores.reach, to = keys ? mine + scores.reach : mine + 1;
#endif
#pragma unroll
    for (int j = 0; j < columns / 8; ++j)
#pragma unroll
      for (int e = 0; e < 2; ++e)
        if (j * 8 + e < from || j * 8 + e >= to) s[j][half * 2 + e] = kUnseen;
  }
}
// Does any of the 16 rows see one of the columns?
template <bool keys>
__device__ __forceinline__ bool any_seen(int row, int column, int columns, const Scores& scores) {
  return keys ? column + columns > row && column < row + 15 + scores.reach
              : column <= row + 15 && column + columns > row + 1 - scores.reach;
}

// --- What the kernels are given ---

// Error: rows that cp.async cannot read.
template <class T>
Rows<T> aligned(const Rows<T>& rows) {
  require(rows_are_aligned(rows.width, rows.stride, rows.data),
          "[attention] on cuda rows must begin at multiples of 16 bytes; a row stride is ", rows.stride, " elements");
  return rows;
}
inline Rows<const Bf16> rows_of(const Tensor& tensor) { return aligned(native(tensor.as_rows<bfloat16>())); }
inline Rows<Bf16> rows_of(Tensor& tensor) { return aligned(native(tensor.as_rows<bfloat16>())); }

// The smallest tile that holds a head: body.operator()<64>(), <96>, <128> or <256>.
template <class F>
void visit_head(int64_t head_dim, F&& body) {
  if (head_dim <= 64) return body.template operator()<64>();
  if (head_dim <= 96) return body.template operator()<96>();
  if (head_dim <= 128) return body.template operator()<128>();
  body.template operator()<256>();
}

}  // namespace hone::kernels::cuda
