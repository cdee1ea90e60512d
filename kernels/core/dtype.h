// Element types. float64 exists so that finite differences run through the real kernels and the real tape; bfloat16 is
// storage: arithmetic on it is done in float32 and rounded once; uint8 holds packed codes.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <type_traits>

#include "kernels/host/error.h"

namespace hone {

enum class DType : uint8_t { float32, float64, bfloat16, int32, uint8 };

inline size_t size_of(DType dtype) {
  constexpr size_t kBytes[] = {4, 8, 2, 4, 1};
  return kBytes[int(dtype)];
}
inline std::ostream& operator<<(std::ostream& out, DType dtype) {
  constexpr const char* kNames[] = {"float32", "float64", "bfloat16", "int32", "uint8"};
  return out << kNames[int(dtype)];
}

// The upper half of a float32; rounding to nearest even, NaN stays NaN.
struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float value) {
    const uint32_t word = std::bit_cast<uint32_t>(value);
    bits = (word & 0x7FFFFFFFu) > 0x7F800000u ? uint16_t(word >> 16 | 0x40)
                                              : uint16_t((word + 0x7FFFu + (word >> 16 & 1)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
  explicit operator double() const { return double(float(*this)); }
};

template <class T>
inline constexpr DType dtype_of = DType::float32;
template <>
inline constexpr DType dtype_of<double> = DType::float64;
template <>
inline constexpr DType dtype_of<bfloat16> = DType::bfloat16;
template <>
inline constexpr DType dtype_of<int32_t> = DType::int32;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::uint8;

// What a type is computed in: bfloat16 in float32, the others in themselves. Statistics of rows (inverse rms,
// log-sum-exp), norms' weights, biases, losses and gradients of parameters are kept in it too.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, bfloat16>, float, T>;
inline DType wide_of(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

// Calls body for a type that is its own Wide: visit_float(sums.dtype(), [&]<class T>() { … });
template <class F>
void visit_float(DType dtype, F&& body) {
  switch (dtype) {
    case DType::float32:
      return body.template operator()<float>();
    case DType::float64:
      return body.template operator()<double>();
    default:
      fail("[dtype] a type to compute in is needed here (float32, float64), got ", dtype);
  }
}
// Calls body for any type that activations and weights come in, bfloat16 included.
template <class F>
void visit_stored(DType dtype, F&& body) {
  if (dtype == DType::bfloat16) return body.template operator()<bfloat16>();
  visit_float(dtype, body);
}

}  // namespace hone
