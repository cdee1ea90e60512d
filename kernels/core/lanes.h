// Arithmetic on rows that compilers turn into vector instructions, with the same bits whatever the instructions are: a
// sum is taken in kLanes running sums by index, never by address, and every function of one element is plain arithmetic
// without a branch. All are inlined always: a loop with a call inside is not vectorised.
//   const T sum = sum_of<T>(n, [&](int64_t i) { return x[i] * y[i]; });
//   for (int64_t i = 0; i < n; ++i) p[i] = exp_of(x[i] - best);
#pragma once
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace hone::kernels {

inline constexpr int64_t kLanes = 16;

// The sum of term(0) … term(n - 1).
template <class T, class Term>
[[gnu::always_inline]] inline T sum_of(int64_t n, Term&& term) {
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += T(term(i + l));
  for (int64_t l = 0; i + l < n; ++l) lanes[l] += T(term(i + l));
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  return lanes[0];
}

// The largest of term(0) … term(n - 1) and `start`; what is not a number is passed over.
template <class T, class Term>
[[gnu::always_inline]] inline T largest_of(int64_t n, T start, Term&& term) {
  T lanes[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) lanes[l] = start;
  const auto larger = [](T a, T b) { return a > b ? a : b; };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] = larger(T(term(i + l)), lanes[l]);
  for (int64_t l = 0; i + l < n; ++l) lanes[l] = larger(T(term(i + l)), lanes[l]);
  for (int64_t l = 1; l < kLanes; ++l) lanes[0] = larger(lanes[l], lanes[0]);
  return lanes[0];
}

// e to the x, about one rounding from exact: x = n ln 2 + r, |r| <= ln 2 / 2, and the Taylor series of e to the r.
// Results under the smallest normal number are 0, too large ones infinite; NaN stays NaN.
template <class T>
[[gnu::always_inline]] inline T exp_of(T value) {
  constexpr bool kDouble = std::is_same_v<T, double>;
  using Bits = std::conditional_t<kDouble, int64_t, int32_t>;
  constexpr int kMantissa = kDouble ? 52 : 23, kBias = kDouble ? 1023 : 127;
  constexpr T kLowest = kDouble ? T(-708.3) : T(-87.3), kHighest = kDouble ? T(710) : T(89);
  constexpr T kRound =
      kDouble ? T(6755399441055744.0) : T(12582912.0);  // 1.5 * 2^mantissa: adding it rounds to whole numbers
  // ln 2 in two parts, the first with trailing zeros, so that n times it is exact.
  constexpr T kLn2High = kDouble ? T(0x1.62e42fee00000p-1) : T(0x1.62e400p-1);
  constexpr T kLn2Low = kDouble ? T(0x1.a39ef35793c76p-33) : T(0x1.7f7d1cp-20);
  const T below = kHighest < value ? kHighest : value, x = below < kLowest ? kLowest : below;
  const T rounded = x * T(1.4426950408889634) + kRound, n = rounded - kRound;
  const T r = (x - n * kLn2High) - n * kLn2Low;
  // Horner's scheme over 1 / k!, written out: a loop here would keep compilers from vectorising the caller's.
  T series;
  if constexpr (kDouble) {
    series = r * T(1. / 6227020800) + T(1. / 479001600);
    series = series * r + T(1. / 39916800);
    series = series * r + T(1. / 3628800);
    series = series * r + T(1. / 362880);
    series = series * r + T(1. / 40320);
    series = series * r + T(1. / 5040);
    series = series * r + T(1. / 720);
  } else {
    series = r * T(1. / 5040) + T(1. / 720);
  }
  series = series * r + T(1. / 120);
  series = series * r + T(1. / 24);
  series = series * r + T(1. / 6);
  series = series * r + T(1. / 2);
  series = series * r + T(1);
  series = series * r + T(1);
  // times 2^n in two steps, because 2^128 is no float though e^88.7 is; the low bits of `rounded` are n.
  const Bits whole = std::bit_cast<Bits>(rounded) - std::bit_cast<Bits>(kRound), half = whole >> 1;
  const T power = std::bit_cast<T>(Bits((half + kBias) << kMantissa)),
          rest = std::bit_cast<T>(Bits((whole - half + kBias) << kMantissa));
  const T result = series * power * rest;
  // A mask and no condition, which compilers would turn into a branch.
  return std::bit_cast<T>(Bits(std::bit_cast<Bits>(result) & (Bits(value < kLowest) - 1)));
}

}  // namespace hone::kernels
