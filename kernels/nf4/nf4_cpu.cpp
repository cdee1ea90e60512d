#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

#include "kernels/core/dynamic_map.h"
#include "kernels/core/lanes.h"
#include "kernels/nf4/nf4.h"
#include "kernels/nf4/rule.h"

namespace hone::kernels::cpu {

namespace {
constexpr size_t kThresholds = 15;
using Thresholds = std::span<const float, kThresholds>;

// The codes of one block: the number of thresholds strictly below x * inverse, which is NaN (0 times the infinite
// reciprocal) in an all-zero block. Two codes a byte, the high half first.
constexpr size_t kBlock = size_t(kQuantizedBlock);
using Codes = std::array<int16_t, kBlock>;
using Packed = std::array<uint8_t, kBlock / 2>;
Packed packed(const Codes& code) {
  std::array<uint32_t, kBlock / 2> pair{};
  std::memcpy(pair.data(), code.data(), sizeof pair);
  if constexpr (std::endian::native == std::endian::big)
    for (uint32_t& word : pair) word = word >> 16 | word << 16;
  Packed bytes{};
  for (size_t j = 0; j < bytes.size(); ++j) bytes[j] = uint8_t(pair[j] << 4 | pair[j] >> 16);
  return bytes;
}

Packed codes_of(const std::array<float, kBlock>& x, float inverse, Thresholds middle) {
  std::array<int32_t, kBlock> count{};
  for (size_t i = 0; i < kBlock; ++i) {
    const float scaled = x[i] * inverse;
    int32_t below = 0;
    for (size_t k = 0; k < kThresholds; ++k) below += scaled > middle[k];
    count[i] = below;
  }
  Codes code{};
  for (size_t i = 0; i < kBlock; ++i) code[i] = int16_t(count[i]);
  return packed(code);
}

// A bfloat16's place in the order of all of them. -0 comes just before 0; no threshold lies between the two.
int16_t order_of(int16_t bits) { return int16_t(bits ^ ((bits >> 15) & 0x7FFF)); }

// The same codes of bfloat16 values without arithmetic on them. x * inverse grows with x, so the values that are not
// above a threshold are those up to a bound, found once for each of the 128 mantissas that the largest magnitude can
// have: at another exponent everything is the same but the exponents, as long as none leaves its range.
class Bounds {
 public:
  explicit Bounds(Thresholds middle) {
    for (size_t mantissa = 0; mantissa < rows_.size(); ++mantissa) {
      const float inverse = 1.0f / value_at(int(kExponentOfOne << 7 | mantissa));
      for (size_t k = 0; k < middle.size(); ++k) {
        int below = -32640, above = 32640;  // beyond every finite number
        while (above - below > 1) {
          const int at = (below + above) >> 1;
          (value_at(at) * inverse > middle[k] ? above : below) = at;
        }
        rows_[mantissa][k] = int16_t(below);
      }
    }
  }
  // Whether blocks whose largest magnitude has these bits are known here.
  static bool know(int largest) { return largest >= 16 << 7 && largest < 240 << 7; }
  Packed codes_of(const std::array<int16_t, kBlock>& bits, int largest) const {
    const int16_t shift = int16_t(((largest >> 7) - kExponentOfOne) * 128);
    std::array<int16_t, 16> bound = rows_[size_t(largest & 127)];
    for (size_t k = 0; k < bound.size(); ++k) bound[k] = int16_t(bound[k] + (k < kNegative ? -shift : shift));
    Codes code{};
    for (size_t i = 0; i < kBlock; ++i) {
      const int16_t x = order_of(bits[i]);
      int16_t below = 0;
      for (size_t k = 0; k < kThresholds; ++k) below = int16_t(below + (x > bound[k]));
      code[i] = below;
    }
    return packed(code);
  }

 private:
  static constexpr int kExponentOfOne = 127;
  static constexpr size_t kNegative = 7;  // thresholds below 0
  static float value_at(int order) { return std::bit_cast<float>(uint32_t(uint16_t(order_of(int16_t(order)))) << 16); }
  std::array<std::array<int16_t, 16>, 128> rows_{};
};

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

namespace {
// body(block, values of the block, how many of them are the piece's): a last block is filled up with zeros.
template <class T, class Body>
void for_each_block(Stream& stream, const T* from, int64_t count, Body&& body) {
  stream.parallel((count + kQuantizedBlock - 1) / kQuantizedBlock, 256, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t at = block * kQuantizedBlock, n = std::min(kQuantizedBlock, count - at);
      std::array<T, kBlock> x{};
      if (n == kQuantizedBlock)
        std::memcpy(x.data(), from + at, sizeof x);
      else
        std::copy_n(from + at, n, x.begin());
      body(block, x, n);
    }
  });
}
}  // namespace

void nf4_quantize(Stream& stream, QuantizedTensor& weight, int64_t first_element, const Tensor& values) {
  const Thresholds middle = nf4_thresholds();
  static const Bounds bounds(middle);
  float* const absmax = std::get<FloatScales>(weight.scales).absmax.data<float>() + first_element / kQuantizedBlock;
  uint8_t* const codes = weight.codes.data<uint8_t>() + first_element / 2;
  const auto put = [&](int64_t block, const Packed& bytes, int64_t n) {
    uint8_t* const to = codes + block * (kQuantizedBlock / 2);
    if (n == kQuantizedBlock)
      std::memcpy(to, bytes.data(), bytes.size());
    else
      std::copy_n(bytes.data(), (n + 1) / 2, to);
  };
  const auto quantize = [&](int64_t block, const std::array<float, kBlock>& x, int64_t n) {
    const float largest = largest_of(kQuantizedBlock, 0.0f, [&](int64_t i) { return std::abs(x[size_t(i)]); });
    absmax[block] = largest;
    put(block, codes_of(x, 1.0f / largest, middle), n);
  };
  if (values.dtype() == DType::float32)
    return for_each_block(stream, values.data<float>(), values.elements(), quantize);
  for_each_block(stream, values.data<bfloat16>(), values.elements(),
                 [&](int64_t block, const std::array<bfloat16, kBlock>& x, int64_t n) {
                   const auto bits = std::bit_cast<std::array<int16_t, kBlock>>(x);
                   int16_t largest = 0;
                   for (const int16_t b : bits) largest = std::max(largest, int16_t(b & 0x7FFF));
                   if (Bounds::know(largest)) {
                     absmax[block] = std::bit_cast<float>(uint32_t(largest) << 16);
                     return put(block, bounds.codes_of(bits, largest), n);
                   }
                   std::array<float, kBlock> wide{};
                   for (size_t i = 0; i < kBlock; ++i) wide[i] = float(x[i]);
                   quantize(block, wide, n);
                 });
}

void nf4_nest_scales(Stream& stream, NestedScales& scales, Tensor& sums, const Tensor& absmax) {
  const float* const from = absmax.data<float>();
  const int64_t count = absmax.elements();
  double* const sum = sums.data<double>();
  stream.parallel(sums.elements(), 64, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; ++b) {
      const float* const block = from + b * kNestedBlock;
      sum[b] = sum_of<double>(std::min(kNestedBlock, count - b * kNestedBlock), [&](int64_t i) { return block[i]; });
    }
  });
  const float offset = scales.offset = nested_offset({sum, size_t(sums.elements())}, count);
  const DynamicTree tree = dynamic_tree(dynamic_bounds(dynamic_map()));
  float* const nested = scales.nested.data<float>();
  uint8_t* const codes = scales.codes.data<uint8_t>();
  stream.parallel(count, 64 * kNestedBlock, [&](int64_t first, int64_t last) {
    for (int64_t begin = first; begin < last; begin += kNestedBlock) {
      const int64_t n = std::min(kNestedBlock, last - begin);
      const float* const block = from + begin;
      const float largest = largest_of(n, 0.0f, [&](int64_t i) { return std::abs(block[i] - offset); });
      const float inverse = 1.0f / largest;
      nested[begin / kNestedBlock] = largest;
      for (int64_t i = 0; i < n; ++i) {
        const float x = (block[i] - offset) * inverse;  // NaN where all are equal: code 0
        codes[begin + i] = dynamic_code(tree.data(), x);
      }
    }
  });
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

// Threads share the rows of the weight; each is widened once, for all rows of x.
void nf4_linear(Stream& stream, Tensor& y, const Tensor& x, const QuantizedTensor& weight, double beta, double alpha) {
  visit_stored(y.dtype(), [&]<class T>() {
    const Rows<T> to = y.as_rows<T>();
    const Rows<const bfloat16> from = x.as_rows<bfloat16>();
    const int64_t width = weight.width();
    stream.parallel(to.width, 16, [&](int64_t begin, int64_t end) {
      std::vector<float> row(static_cast<size_t>(width));
      for (int64_t n = begin; n < end; ++n) {
        for (int64_t k = 0; k < width; k += 32) {  // in one block
          const int64_t at = n * width + k;
          const Values<bfloat16> values = values_of<bfloat16>(absmax_of(weight.scales, at / kQuantizedBlock));
          const uint8_t* const codes = weight.codes.data<uint8_t>() + at / 2;
          for (int64_t i = 0; i < 32; ++i)
            row[size_t(k + i)] = float(values[size_t(codes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15]);
        }
        for (int64_t m = 0; m < to.count; ++m) {
          const float sum = sum_of<float>(width, [&](int64_t k) { return float(from[m][k]) * row[size_t(k)]; });
          to[m][n] = T(float(alpha) * sum + (beta == 0 ? 0.0f : float(beta) * float(to[m][n])));
        }
      }
    });
  });
}

}  // namespace hone::kernels::cpu
