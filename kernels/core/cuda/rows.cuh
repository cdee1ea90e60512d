// Ops whose elements are made each on its own, over rows of one shape that may lie apart:
//   template <class T, int count>
//   __global__ void __launch_bounds__(kWalkThreads) negate_kernel(Rows<T> y, Rows<const T> x) {
//     walk<count>(
//         y.count, y.width, [&](int64_t row, int64_t i) { return load_vector<count>(row_of(x, row) + i); },
//         [&](int64_t row, int64_t i, const Vector<T, count>& v) { store_vector(row_of(y, row) + i, …); });
//   }
//   flatten(to, from);
//   in_vectors<kVector<T>>(aligned(to, from), [&]<int count>() {
//     launch(stream, negate_kernel<T, count>, walk_grid<count>(to), {kWalkThreads}, 0, to, from);
//   });
#pragma once
#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"

namespace hone::kernels::cuda {

template <class T>
__device__ __forceinline__ T* row_of(const Rows<T>& rows, int64_t row) {
  return rows.data + row * rows.stride;
}

// ---- host code

// Makes one long row of all, where nothing lies between the rows of any of them.
template <class... T>
void flatten(Rows<T>&... rows) {
  const auto contiguous = [](const auto& r) { return r.stride == r.width || r.count <= 1; };
  const auto flat = [](auto& r) { r.width = r.stride = r.count * r.width, r.count = 1; };
#ifndef MUTANT_FLATTEN_WHERE_ANY_IS_FLAT
  if ((contiguous(rows) && ...)) (flat(rows), ...);
#else
  if ((contiguous(rows) || ...)) (flat(rows), ...);
#endif
}

// Whether all rows can be loaded and stored `count` elements at a time, 16 bytes where that is more.
template <int count, class... T>
bool fit(const Rows<T>&... rows) {
  const auto fits = [](const auto& r) {
    constexpr size_t kBytes = std::min<size_t>(16, count * sizeof(*r.data));
    return r.width % count == 0 && r.stride % count == 0 && reinterpret_cast<std::uintptr_t>(r.data) % kBytes == 0;
  };
  return (fits(rows) && ...);
}
template <class T>
inline constexpr int kVector = 16 / sizeof(T);
template <class... T>
bool aligned(const Rows<T>&... rows) {
  return (fit<kVector<T>>(rows) && ...);
}

// Calls body for vectors of `most` elements, or for elements one at a time.
template <int most, class F>
void in_vectors(bool vectors, F&& body) {
  vectors ? body.template operator()<most>() : body.template operator()<1>();
}

// ---- the walk

inline constexpr int kWalkThreads = 256, kWalkVectors = 2;  // a thread has two vectors, a block's width apart

template <int count, class T>
Grid walk_grid(const Rows<T>& rows) {
  constexpr int64_t kBlock = int64_t(kWalkThreads) * kWalkVectors * count;
  return {(rows.count * rows.width + kBlock - 1) / kBlock};
}

struct Place {
  int64_t row, item;
};
// Where item `ahead` of this block lies, in rows of `a_row` items that blocks of `a_block` share. One division of large
// numbers a block; none where there is one row.
template <int a_block>
__device__ __forceinline__ Place place_of(int64_t rows, int64_t a_row, int ahead) {
  const int64_t first = int64_t(blockIdx.x) * a_block;
  Place place{rows == 1 ? 0 : first / a_row, 0};
  place.item = first - place.row * a_row + ahead;
  if (place.item >= a_row) {  // by less than a block, so that longer rows need not be told apart
    const unsigned past = unsigned(place.item - a_row), row = unsigned(a_row < a_block ? a_row : a_block);
    place.row += 1 + past / row;
    place.item = past % row;
  }
  return place;
}

// Calls finish(row, i, load(row, i)) for every vector of `count` elements. `load` only loads: all loads of a thread are
// under way before it computes and stores, so that an output may be an input.
template <int count, class Load, class Finish>
__device__ __forceinline__ void walk(int64_t rows, int64_t width, Load&& load, Finish&& finish) {
  Place place[kWalkVectors];
#pragma unroll
  for (int v = 0; v < kWalkVectors; ++v)
    place[v] = place_of<kWalkThreads * kWalkVectors>(rows, width / count, v * kWalkThreads + int(threadIdx.x));
  decltype(load(int64_t(), int64_t())) loaded[kWalkVectors];
#pragma unroll
  for (int v = 0; v < kWalkVectors; ++v)
    if (place[v].row < rows) loaded[v] = load(place[v].row, place[v].item * count);
#pragma unroll
  for (int v = 0; v < kWalkVectors; ++v)
#ifndef MUTANT_WALK_PAST_THE_LAST
    if (place[v].row < rows)
#endif
      finish(place[v].row, place[v].item * count, loaded[v]);
}

}  // namespace hone::kernels::cuda
