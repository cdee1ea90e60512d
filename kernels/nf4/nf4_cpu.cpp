#include <algorithm>
#include <array>
#include <cmath>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

#include "kernels/core/lanes.h"
#include "kernels/nf4/nf4.h"

namespace hone::kernels::cpu {

namespace {
// The thresholds are the float32 midpoints of neighbouring levels; a value on one goes down.
std::array<float, 15> thresholds() {
  std::array<float, 15> middle{};
  const auto levels = nf4_levels();
  for (size_t i = 0; i < middle.size(); ++i) middle[i] = (levels[i] + levels[i + 1]) / 2;
  return middle;
}

// The codes of one block: the number of thresholds strictly below x * inverse. NaN (0 times the infinite reciprocal of
// an all-zero block) counts none: code 0. Level by level, so that all elements are compared at once.
using Codes = std::array<int32_t, kQuantizedBlock>;
Codes codes_of(const float* x, float inverse, const std::array<float, 15>& middle) {
  Codes code{};
  for (const float threshold : middle)
    for (size_t i = 0; i < code.size(); ++i) code[i] += x[i] * inverse > threshold;
  return code;
}

float absmax_of(const Scales& scales, int64_t block) {
  if (const auto* plain = std::get_if<FloatScales>(&scales)) return plain->absmax.data<float>()[block];
  const auto& s = std::get<NestedScales>(scales);
  const float product =
      s.map.data<float>()[s.codes.data<uint8_t>()[block]] * s.nested.data<float>()[block / kNestedBlock];
  return product + s.offset;  // rounded twice: no fused multiply-add
}

// The 16 values that a block's codes stand for.
template <class T>
using Values = std::array<T, 32>;  // twice, as bfloat16's lookup wants them
template <class T>
Values<T> values_of(float absmax) {
  Values<T> values;
  const auto levels = nf4_levels();
  for (size_t i = 0; i < values.size(); ++i) values[i] = T(levels[i % 16] * absmax);
  return values;
}

// A whole block: element 2j from the high half of byte j, 2j + 1 from the low one.
template <class T>
void expand_block(T* out, const uint8_t* codes, const Values<T>& values) {
#if defined(__AVX512BW__)
  // A lookup takes the low bits of an index alone, so the low half of a byte needs no mask.
  if constexpr (sizeof(T) == 4) {
    const __m512 table = _mm512_loadu_ps(values.data());
    for (int64_t j = 0; j < kQuantizedBlock / 2; j += 8) {
      const __m512i bytes = _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + j)));
      const __m512i at = _mm512_or_si512(_mm512_srli_epi64(bytes, 4), _mm512_slli_epi64(bytes, 32));
      _mm512_storeu_ps(out + 2 * j, _mm512_permutexvar_ps(at, table));
    }
    return;
  } else if constexpr (sizeof(T) == 2) {
    const __m512i table = _mm512_loadu_si512(values.data());
    for (int64_t j = 0; j < kQuantizedBlock / 2; j += 16) {
      const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + j)));
      const __m512i at = _mm512_or_si512(_mm512_srli_epi32(bytes, 4), _mm512_slli_epi32(bytes, 16));
      _mm512_storeu_si512(out + 2 * j, _mm512_permutexvar_epi16(at, table));
    }
    return;
  }
#endif
  for (int64_t j = 0; j < kQuantizedBlock / 2; ++j) {
    out[2 * j] = values[codes[j] >> 4];
    out[2 * j + 1] = values[codes[j] & 15];
  }
}
}  // namespace

void nf4_quantize(Stream& stream, QuantizedTensor& weight, int64_t first_element, const Tensor& values) {
  const std::array<float, 15> middle = thresholds();
  const float* const from = values.data<float>();
  float* const absmax = std::get<FloatScales>(weight.scales).absmax.data<float>() + first_element / kQuantizedBlock;
  uint8_t* const codes = weight.codes.data<uint8_t>() + first_element / 2;
  const int64_t count = values.elements();
  stream.parallel((count + kQuantizedBlock - 1) / kQuantizedBlock, 256, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t at = block * kQuantizedBlock, n = std::min(kQuantizedBlock, count - at);
      std::array<float, kQuantizedBlock> x{};  // a last block is filled up with zeros
      std::copy_n(from + at, n, x.begin());
      const float largest = largest_of(kQuantizedBlock, 0.0f, [&](int64_t i) { return std::abs(x[size_t(i)]); });
      absmax[block] = largest;
      const Codes code = codes_of(x.data(), 1.0f / largest, middle);
      for (size_t i = 0; i < size_t(n); i += 2)
        codes[(at + int64_t(i)) / 2] = uint8_t(uint32_t(code[i]) << 4 | uint32_t(code[i + 1]));
    }
  });
}

// The rule of bitsandbytes' CUDA library: the nearer of the two neighbours in the sorted map, and of two equally near
// ones the even code, where its search ends. Serial: one scale for 64 weights, once a load, and the mean needs one
// order.
void nf4_nest_scales(Stream&, NestedScales& scales, const Tensor& absmax) {
  const float* const from = absmax.data<float>();
  const int64_t count = absmax.elements();
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += double(from[i]);
  scales.offset = count > 0 ? float(sum / double(count)) : 0.0f;
  const auto map = dynamic_map();
  for (int64_t begin = 0; begin < count; begin += kNestedBlock) {
    const int64_t end = std::min(count, begin + kNestedBlock);
    float largest = 0;
    for (int64_t i = begin; i < end; ++i) largest = std::max(largest, std::abs(from[i] - scales.offset));
    scales.nested.data<float>()[begin / kNestedBlock] = largest;
    const float inverse = 1.0f / largest;
    for (int64_t i = begin; i < end; ++i) {
      const float x = (from[i] - scales.offset) * inverse;  // NaN where all are equal: code 0
      size_t code = size_t(std::lower_bound(map.begin(), map.end(), x) - map.begin());
      code = std::min<size_t>(code, 255);
      if (code > 0) {
        const float middle = (map[code - 1] + map[code]) / 2;
        if (x < middle || (x == middle && code % 2 == 1)) --code;
      }
      scales.codes.data<uint8_t>()[i] = uint8_t(code);
    }
  }
}

void nf4_dequantize(Stream& stream, Tensor& rows, const QuantizedTensor& weight, int64_t first_row,
                    int64_t first_column) {
  visit_stored(rows.dtype(), [&]<class T>() {
    const Rows<T> to = rows.as_rows<T>();
    const uint8_t* const codes = weight.codes.data<uint8_t>();
    stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t start = (first_row + r) * weight.width() + first_column, stop = start + to.width;
        for (int64_t at = start; at < stop;) {  // a block may begin in one row and end in the next
          const int64_t block = at / kQuantizedBlock;
          const int64_t until = std::min(stop, (block + 1) * kQuantizedBlock);
          const Values<T> values = values_of<T>(absmax_of(weight.scales, block));
          T* const out = to[r] + (at - start);
          if (until - at == kQuantizedBlock) {
            expand_block(out, codes + at / 2, values);
          } else {
            for (int64_t i = at; i < until; ++i)
              out[i - at] = values[size_t(codes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15];
          }
          at = until;
        }
      }
    });
  });
}

}  // namespace hone::kernels::cpu
