// The gradient of the table: positions are sorted by token, stably, and a block adds up the rows of one token in order.
// The sort is by counting, kSortBits of a token a pass: no atomics, so that equal tokens stay in order.
#include <bit>
#include <cmath>

#include "kernels/core/cuda/rows.cuh"
#include "kernels/embedding/embedding.h"
#include "kernels/embedding/scratch.h"

namespace hone::kernels::cuda {

constexpr int kAddThreads = 128, kRowsAtOnce = 8;

// A kernel cannot refuse a token: the row of one outside the vocabulary is not a number, so neither is the loss.
template <class T, class Stored, int count>
__global__ void __launch_bounds__(kWalkThreads)
    embedding_kernel(Rows<T> y, const int32_t* tokens, Rows<const Stored> table, Computed<T> scale) {
  walk<count>(
      y.count, y.width,
      [&](int64_t row, int64_t i) {
        const int32_t token = tokens[row];
        if (token >= 0 && token < table.count) return load_vector<count>(row_of(table, token) + i);
        Vector<Stored, count> none;
#pragma unroll
        for (int j = 0; j < count; ++j) none.value[j] = narrowed<Stored>(Computed<Stored>(NAN));
        return none;
      },
      [&](int64_t row, int64_t i, const Vector<Stored, count>& v) {
        const auto in = widened(v);
        Vector<Computed<T>, count> out;
#pragma unroll
        for (int j = 0; j < count; ++j) out.value[j] = Computed<T>(in.value[j]) * scale;
        store_vector(row_of(y, row) + i, narrowed<T>(out));
      });
}

struct SortPass {
  int32_t* counts;        // (tiles, kSortDigits): how often; then where the tile's first goes
  int32_t* to;            // positions in order of this pass and those before
  const int32_t* from;    // in order of the passes before; null at the first: as they come
  const int32_t* tokens;  // (count)
  int64_t count;
  int32_t vocabulary;
  int shift;
};

// A thread a digit: it looks through the tile's digits in order and does its part for those that are its own. That is
// kSortDigits comparisons a token, of numbers that the whole block reads at once.
template <class F>
__device__ __forceinline__ void for_each_of_my_digit(const SortPass& p, int* digits, int32_t* positions, F&& body) {
  const int64_t first = int64_t(blockIdx.x) * kSortTile, at = first + threadIdx.x;
  if (at < p.count) {
    const int32_t position = p.from ? p.from[at] : int32_t(at), token = p.tokens[position];
    const int32_t key = token < 0 || token > p.vocabulary ? p.vocabulary : token;  // those outside come last, together
    positions[threadIdx.x] = position;
    digits[threadIdx.x] = key >> p.shift & (kSortDigits - 1);
  }
#ifndef MUTANT_EMBEDDING_NO_BARRIER
  __syncthreads();
#endif
  const int held = int(p.count - first < kSortTile ? p.count - first : kSortTile);
  for (int i = 0; i < held; ++i)
    if (digits[i] == int(threadIdx.x)) body(positions[i]);
}

__global__ void __launch_bounds__(kSortDigits) count_digits_kernel(const __grid_constant__ SortPass p) {
  SharedMemory shared;
  int* const digits = shared.array<int>(kSortTile);
  int32_t* const positions = shared.array<int32_t>(kSortTile);
  int32_t mine = 0;
  for_each_of_my_digit(p, digits, positions, [&](int32_t) { ++mine; });
  p.counts[int64_t(blockIdx.x) * kSortDigits + threadIdx.x] = mine;
}

// One block: a digit's first place in a tile is behind all smaller digits and behind its own of the tiles before.
__global__ void __launch_bounds__(kSortDigits) place_digits_kernel(int32_t* counts, int64_t tiles) {
  SharedMemory shared;
  int32_t* const totals = shared.array<int32_t>(kSortDigits);
  int32_t total = 0;
#pragma unroll 8
  for (int64_t tile = 0; tile < tiles; ++tile) total += counts[tile * kSortDigits + threadIdx.x];
  totals[threadIdx.x] = total;
  __syncthreads();
  int32_t next = 0;
  for (int digit = 0; digit < int(threadIdx.x); ++digit) next += totals[digit];
#pragma unroll 8
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int32_t here = counts[tile * kSortDigits + threadIdx.x];
    counts[tile * kSortDigits + threadIdx.x] = next;
    next += here;
  }
}

__global__ void __launch_bounds__(kSortDigits) move_positions_kernel(const __grid_constant__ SortPass p) {
  SharedMemory shared;
  int* const digits = shared.array<int>(kSortTile);
  int32_t* const positions = shared.array<int32_t>(kSortTile);
  int32_t next = p.counts[int64_t(blockIdx.x) * kSortDigits + threadIdx.x];
  for_each_of_my_digit(p, digits, positions, [&](int32_t position) { p.to[next++] = position; });
}

// blockIdx.x is a place in the order; the block of a token's first adds up its rows, one after the other, blockIdx.y
// shares the columns. kRowsAtOnce rows are under way together, because a token may come thousands of times.
template <class T, int count>
__global__ void __launch_bounds__(kAddThreads)
    add_rows_kernel(Rows<Computed<T>> dtable, Rows<const T> dy, const int32_t* tokens, const int32_t* order,
                    Computed<T> scale) {
  int64_t at = blockIdx.x;
  const int32_t token = tokens[order[at]];
  if (token < 0 || token >= dtable.count) return;
#ifndef MUTANT_EMBEDDING_EVERY_ROW_ADDS
  if (at > 0 && tokens[order[at - 1]] == token) return;
#endif
  const int64_t i = (int64_t(blockIdx.y) * kAddThreads + threadIdx.x) * count;
  if (i >= dtable.width) return;
  Computed<T>* const to = row_of(dtable, token) + i;
  auto sum = load_vector<count>(to);
  const auto row_at = [&](int64_t place) { return load_vector<count>(row_of(dy, order[place]) + i); };
  const auto add = [&](const Vector<T, count>& row) {
    const auto v = widened(row);
#pragma unroll
    for (int j = 0; j < count; ++j) sum.value[j] += rounded_product(v.value[j], scale);
  };
#ifndef MUTANT_EMBEDDING_PAST_THE_LAST
  const auto mine = [&](int64_t place) { return place < dy.count && tokens[order[place]] == token; };
#else
  const auto mine = [&](int64_t place) { return tokens[order[place]] == token; };
#endif
  for (bool all = mine(at + kRowsAtOnce - 1); all; at += kRowsAtOnce) {  // sorted: if the last is, those between are
    Vector<T, count> rows[kRowsAtOnce];
#pragma unroll
    for (int r = 0; r < kRowsAtOnce; ++r) rows[r] = row_at(at + r);
    all = mine(at + 2 * kRowsAtOnce - 1);
#pragma unroll
    for (int r = 0; r < kRowsAtOnce; ++r) add(rows[r]);
  }
  for (; mine(at); ++at) add(row_at(at));
  store_vector(to, sum);
}

void embedding(Stream& stream, Tensor& y, const Tensor& tokens, const Tensor& table, double scale) {
  visit_stored(y.dtype(), [&]<class StoredTo>() {
    visit_stored(table.dtype(), [&]<class StoredFrom>() {
      using To = Native<StoredTo>;
      using From = Native<StoredFrom>;
      const auto to = native(y.as_rows<StoredTo>());
      const auto from = native(table.as_rows<StoredFrom>());
      constexpr int kMost = std::min(kVector<To>, kVector<From>);
      in_vectors<kMost>(fit<kMost>(to) && fit<kMost>(from), [&]<int count>() {
        launch(stream, embedding_kernel<To, From, count>, walk_grid<count>(to), {kWalkThreads}, 0, to,
               tokens.data<int32_t>(), from, Computed<To>(scale));
      });
    });
  });
}

namespace {
// Positions sorted by token, in a part of the scratch.
const int32_t* sorted_positions(Stream& stream, Tensor& scratch, const Tensor& tokens, int64_t vocabulary) {
  const int64_t count = tokens.elements(), tiles = sort_tiles(count);
  int32_t *const memory = scratch.data<int32_t>(), *const counts = memory + 2 * count;
  SortPass p{.counts = counts,
             .to = memory,
             .from = nullptr,
             .tokens = tokens.data<int32_t>(),
             .count = count,
             .vocabulary = int32_t(vocabulary),
             .shift = 0};
  for (; p.shift < int(std::bit_width(uint64_t(vocabulary))); p.shift += kSortBits) {
    constexpr size_t kShared = shared_bytes<int>(kSortTile) + shared_bytes<int32_t>(kSortTile);
    launch(stream, count_digits_kernel, {tiles}, {kSortDigits}, kShared, p);
    launch(stream, place_digits_kernel, {1}, {kSortDigits}, shared_bytes<int32_t>(kSortDigits), counts, tiles);
    launch(stream, move_positions_kernel, {tiles}, {kSortDigits}, kShared, p);
    p.from = p.to;
    p.to = p.from == memory ? memory + count : memory;
  }
  return p.from;
}
}  // namespace

void embedding_backward(Stream& stream, Tensor& dtable, Tensor& scratch, const Tensor& dy, const Tensor& tokens,
                        double scale) {
  if (tokens.elements() == 0) return;
  visit_stored(dy.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    const auto to = dtable.as_rows<Wide<Stored>>();
    const auto from = native(dy.as_rows<Stored>());
    const int32_t* const order = sorted_positions(stream, scratch, tokens, to.count);
    in_vectors<kVector<T>>(fit<kVector<T>>(to) && aligned(from), [&]<int count>() {
      const int64_t columns = int64_t(kAddThreads) * count;
      launch(stream, add_rows_kernel<T, count>, {from.count, (to.width + columns - 1) / columns}, {kAddThreads}, 0, to,
             from, tokens.data<int32_t>(), order, Computed<T>(scale));
    });
  });
}

}  // namespace hone::kernels::cuda
