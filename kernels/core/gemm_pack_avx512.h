// What the products for x86-64 processors with AVX-512 share (gemm_tile_avx512.cpp, gemm_tile_amx.cpp): operands packed
// as their innermost loops read them. Every function is made for these instructions alone, and called only where the
// processor has them.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#include "kernels/core/dtype.h"

#define HONE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define HONE_AVX512_INLINE HONE_AVX512 __attribute__((always_inline)) inline
#if defined(__clang__)
#define HONE_UNROLLED _Pragma("unroll")
#else
#define HONE_UNROLLED _Pragma("GCC unroll 16")
#endif

namespace hone::kernels::cpu {

// What a lane takes of the inner dimension at a time: a float, or two bfloat16, whose products are added together.
using Word = int32_t;
template <class T>
inline constexpr int64_t kPerWord = int64_t(sizeof(Word) / sizeof(T));
template <class T>
inline constexpr bool kPairs = kPerWord<T> == 2;

inline constexpr int64_t kVector = 16;          // lanes
inline constexpr int64_t kPanel = 2 * kVector;  // columns

HONE_AVX512_INLINE __mmask16 first_of_16(int64_t n) { return __mmask16((1u << std::clamp<int64_t>(n, 0, 16)) - 1); }
HONE_AVX512_INLINE __mmask32 first_of_32(int64_t n) {
  return __mmask32((uint64_t(1) << std::clamp<int64_t>(n, 0, 32)) - 1);
}

HONE_AVX512_INLINE __m512 load(const float* from, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, from); }
HONE_AVX512_INLINE __m512 load(const bfloat16* from, __mmask16 mask) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from)), 16));
}
HONE_AVX512_INLINE void store(float* to, __mmask16 mask, __m512 value) { _mm512_mask_storeu_ps(to, mask, value); }
HONE_AVX512_INLINE void store(bfloat16* to, __mmask16 mask, __m512 value) {
  _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

// Within each quarter of the vectors: word w of the vectors 4 g to 4 g + 3 becomes vector 4 g + w.
HONE_AVX512_INLINE void transpose_quarters(__m512i (&to)[16], const __m512i (&from)[16]) {
  __m512i t[16];
  HONE_UNROLLED
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(from[2 * i], from[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(from[2 * i], from[2 * i + 1]);
  }
  HONE_UNROLLED
  for (int i = 0; i < 16; i += 4) {
    to[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    to[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    to[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    to[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
}
// Word w of row r becomes word r of row w.
HONE_AVX512_INLINE void transpose(__m512i (&rows)[16]) {
  __m512i t[16];
  transpose_quarters(rows, rows);
  HONE_UNROLLED
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
  }
  HONE_UNROLLED
  for (int i = 0; i < 4; ++i) {
    rows[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    rows[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    rows[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}
// The same of 16 rows in memory, `stride` elements apart. A third of the work is done by loading quarters of rows.
template <class T>
HONE_AVX512_INLINE void load_transposed(__m512i (&rows)[16], const T* from, int64_t stride) {
  __m512i t[16];
  HONE_UNROLLED
  for (int i = 0; i < 16; ++i) {  // words 4 (i / 4) to 4 (i / 4) + 3 of rows i % 4, i % 4 + 4, …
    const T* const at = from + i % 4 * stride + i / 4 * 4 * kPerWord<T>;
    const auto quarter = [&](int64_t row) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + row * stride));
    };
    t[i] = _mm512_castsi128_si512(quarter(0));
    t[i] = _mm512_inserti32x4(t[i], quarter(4), 1);
    t[i] = _mm512_inserti32x4(t[i], quarter(8), 2);
    t[i] = _mm512_inserti32x4(t[i], quarter(12), 3);
  }
  transpose_quarters(rows, t);
}

// 16 words from element k of a row of `size` elements on, zeros after its end.
template <class T>
HONE_AVX512_INLINE __m512i along(const T* row, int64_t k, int64_t size) {
  if (k + kVector * kPerWord<T> <= size) return _mm512_loadu_si512(row + k);
  if constexpr (kPairs<T>) return _mm512_maskz_loadu_epi16(first_of_32(size - k), row + k);
  return _mm512_maskz_loadu_epi32(first_of_16(size - k), row + k);
}
// The words of element k on (k, and k + 1 of a pair) of 16 rows that lie in columns, of which `count` exist.
template <class T>
HONE_AVX512_INLINE __m512i across(const T* column, int64_t stride, int64_t k, int64_t size, int64_t count) {
  const __mmask16 mask = first_of_16(count);
  const T* const at = column + k * stride;
  if constexpr (!kPairs<T>) {
    return k < size ? _mm512_maskz_loadu_epi32(mask, at) : _mm512_setzero_si512();
  } else {
    const __m512i zero = _mm512_setzero_si512(),
                  low = k < size ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, at)) : zero,
                  high = k + 1 < size ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, at + stride)) : zero;
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
  }
}

// How a panel of 32 columns lies: 16 words of its first 16 columns, then of the others, or a word of all after another.
enum class Panels { tiles, rows };

// Words [0, depth) of the inner dimension of `columns` columns of op(b), a panel after the other, each as the innermost
// loop reads it; zeros where there is nothing, to whole tiles. b points to the first, `size` elements of it are left;
// panels are `apart` words apart. b mostly comes from far away, along more rows than a processor foresees: what is
// packed next is fetched meanwhile.
template <Panels panels, class T>
HONE_AVX512 inline void pack_columns(Word* to, int64_t apart, const T* b, int64_t stride, bool transposed, int64_t size,
                                     int64_t depth, int64_t columns) {
  constexpr int64_t kWord = panels == Panels::rows ? kPanel : kVector,  // from a word to the next, from half to half
      kHalf = panels == Panels::rows ? kVector : kVector * kVector;
  const int64_t end = (columns + kPanel - 1) / kPanel * kPanel;
  if (!transposed) {
    if constexpr (panels == Panels::tiles) depth = (depth + kVector - 1) / kVector * kVector;
    for (int64_t j = 0; j < end; j += kPanel)
      for (int64_t w = 0; w < depth; ++w) {
        Word* const at = to + j / kPanel * apart + w / kVector * (kVector * kPanel) + w % kVector * kWord;
        for (int64_t half = 0; half < 2; ++half)
          _mm512_store_si512(at + half * kHalf, across(b + j + half * kVector, stride, w * kPerWord<T>, size,
                                                       columns - j - half * kVector));
        if (columns - j >= 2 * kPanel) HONE_UNROLLED
        for (int i = 0; i < kPerWord<T>; ++i)
          _mm_prefetch(reinterpret_cast<const char*>(b + j + kPanel + (w * kPerWord<T> + i) * stride), _MM_HINT_T0);
      }
    return;
  }
  for (int64_t j = 0; j < end; j += kVector) {
    Word* const half = to + j / kPanel * apart + j % kPanel / kVector * kHalf;
    const int64_t count = columns - j;
    for (int64_t w = 0; w < depth; w += kVector) {
      __m512i rows[16];
      const T* const at = b + j * stride;
      if (count >= 2 * kVector) HONE_UNROLLED
      for (int i = 0; i < 16; ++i)
        _mm_prefetch(reinterpret_cast<const char*>(at + (kVector + i) * stride + w * kPerWord<T>), _MM_HINT_T0);
      if (count >= kVector && (w + kVector) * kPerWord<T> <= size) {
        load_transposed(rows, at + w * kPerWord<T>, stride);
      } else {
        HONE_UNROLLED
        for (int i = 0; i < 16; ++i)
          rows[i] = i < count ? along(at + i * stride, w * kPerWord<T>, size) : _mm512_setzero_si512();
        transpose(rows);
      }
      HONE_UNROLLED
      for (int i = 0; i < 16; ++i) _mm512_store_si512(half + w * kPanel + i * kWord, rows[i]);
    }
  }
}

// The same of rows of op(a), each a row of `stride_to` words.
template <class T>
HONE_AVX512 inline void pack_rows(Word* to, int64_t stride_to, const T* a, int64_t stride, bool transposed,
                                  int64_t size, int64_t depth, int64_t count) {
  if (!transposed) {
    for (int64_t r = 0; r < count; ++r)
      for (int64_t w = 0; w < depth; w += kVector)
        _mm512_storeu_si512(to + r * stride_to + w, along(a + r * stride, w * kPerWord<T>, size));
    return;
  }
  for (int64_t r = 0; r < count; r += kVector)
    for (int64_t w = 0; w < depth; w += kVector) {
      __m512i rows[16];
      HONE_UNROLLED
      for (int i = 0; i < 16; ++i) rows[i] = across(a + r, stride, (w + i) * kPerWord<T>, size, count - r);
      transpose(rows);
      for (int64_t i = 0; i < std::min(kVector, count - r); ++i)
        _mm512_storeu_si512(to + (r + i) * stride_to + w, rows[i]);
    }
}

// Memory that starts on a line of the cache.
struct alignas(64) Line {
  Word words[kVector];
};

}  // namespace hone::kernels::cpu
#endif
