#include "kernels/core/cuda/rows.cuh"
#include "kernels/rope/rope.h"

namespace hone::kernels::cuda {

constexpr int kRopeThreads = 256, kRopeHeads = 4;

// Cosine and sine to about a rounding, however large the angle is: brought to half turns first, with 1 / pi in two
// parts. The library's own reduction of large angles would need a stack.
__device__ __forceinline__ void turn_of(double angle, double& cosine, double& sine) {
  constexpr double kInversePi = 0x1.45f306dc9c883p-2, kRest = -0x1.6b01ec5417056p-56;
  const double halves = angle * kInversePi, rest = fma(angle, kInversePi, -halves) + angle * kRest;
  const double whole = 2 * rint(halves / 2);  // full turns; what is left of `halves` is exact
  sincospi(halves - whole + rest, &sine, &cosine);
}

template <class T>
__global__ void __launch_bounds__(kRopeThreads)
    rope_table_kernel(Rows<T> turns, const int32_t* positions, const double* inv_freq, double factor) {
  const int64_t half = turns.width / 2;
  const Place at = place_of<kRopeThreads>(turns.count, half, int(threadIdx.x));
  if (at.row >= turns.count) return;
  double cosine, sine;
  turn_of(double(positions[at.row]) * inv_freq[at.item], cosine, sine);
  row_of(turns, at.row)[at.item] = T(factor * cosine);
  row_of(turns, at.row)[half + at.item] = T(factor * sine);
}

// A thread turns the same pairs of kRopeHeads heads: it reads the table once for them and has all their loads under
// way.
template <class T, int count>
__global__ void __launch_bounds__(kRopeThreads)
    rope_kernel(Rows<T> y, Rows<const T> x, Rows<const Computed<T>> turns, int head_dim, Computed<T> sign) {
  const int64_t half = turns.width / 2;
  const int vectors = int(half / count), heads = int(x.width) / head_dim;
  const int groups = (heads + kRopeHeads - 1) / kRopeHeads;
  const Place place = place_of<kRopeThreads>(x.count, int64_t(groups) * vectors, int(threadIdx.x));
  if (place.row >= x.count) return;
  const int first = int(place.item) / vectors * kRopeHeads, i = int(place.item) % vectors * count;
  const T* const from = row_of(x, place.row) + i;
  T* const to = row_of(y, place.row) + i;
  Vector<T, count> left[kRopeHeads], right[kRopeHeads];
#pragma unroll
  for (int h = 0; h < kRopeHeads; ++h) {
    if (first + h >= heads) continue;
    left[h] = load_vector<count>(from + (first + h) * int64_t(head_dim));
    right[h] = load_vector<count>(from + (first + h) * int64_t(head_dim) + half);
  }
#ifndef MUTANT_ROPE_FIRST_TURN
  const auto cosine = load_vector<count>(row_of(turns, place.row) + i);
#else
  const auto cosine = load_vector<count>(row_of(turns, 0) + i);
#endif
  auto sine = load_vector<count>(row_of(turns, place.row) + half + i);
#pragma unroll
  for (int j = 0; j < count; ++j) sine.value[j] *= sign;
#pragma unroll
  for (int h = 0; h < kRopeHeads; ++h) {
#ifndef MUTANT_ROPE_PAST_THE_LAST_HEAD
    if (first + h >= heads) continue;
#endif
    auto a = widened(left[h]), b = widened(right[h]);
#pragma unroll
    for (int j = 0; j < count; ++j) {
      const Computed<T> c = cosine.value[j], s = sine.value[j], turned = a.value[j] * c - b.value[j] * s;
      b.value[j] = b.value[j] * c + a.value[j] * s;
      a.value[j] = turned;
    }
    store_vector(to + (first + h) * int64_t(head_dim), narrowed<T>(a));
    store_vector(to + (first + h) * int64_t(head_dim) + half, narrowed<T>(b));
    for (int64_t rest = 2 * half; rest + i < head_dim; rest += half)  // the channels that stay
      store_vector(to + (first + h) * int64_t(head_dim) + rest,
                   load_vector<count>(from + (first + h) * int64_t(head_dim) + rest));
  }
}

void rope_table(Stream& stream, Tensor& turns, const Tensor& positions, const Tensor& inv_freq, double factor) {
  visit_float(turns.dtype(), [&]<class T>() {
    const Rows<T> to = turns.as_rows<T>();
    launch(stream, rope_table_kernel<T>, {(to.count * to.width / 2 + kRopeThreads - 1) / kRopeThreads}, {kRopeThreads},
           0, to, positions.data<int32_t>(), inv_freq.data<double>(), factor);
  });
}

void rope(Stream& stream, Tensor& y, const Tensor& x, const Tensor& turns, int64_t head_dim, Turn turn) {
  visit_stored(x.dtype(), [&]<class Stored>() {
    using T = Native<Stored>;
    const auto to = native(y.as_rows<Stored>());
    const auto from = native(x.as_rows<Stored>());
    const auto table = turns.as_rows<Wide<Stored>>();
    const int64_t half = table.width / 2, heads = from.width / head_dim;
    constexpr int kMost = kVector<T>;
    in_vectors<kMost>(
        half % kMost == 0 && head_dim % kMost == 0 && fit<kMost>(to) && fit<kMost>(from) && fit<kMost>(table),
        [&]<int count>() {
          const int64_t threads = from.count * (half / count) * ((heads + kRopeHeads - 1) / kRopeHeads);
          launch(stream, rope_kernel<T, count>, {(threads + kRopeThreads - 1) / kRopeThreads}, {kRopeThreads}, 0, to,
                 from, table, int(head_dim), Wide<Stored>(turn == Turn::forward ? 1 : -1));
        });
  });
}

}  // namespace hone::kernels::cuda
