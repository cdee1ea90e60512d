// Products for x86-64 processors with AVX-512, in the shape of Goto and van de Geijn 2008: b is packed in panels of 32
// columns that lie as the innermost loop reads them, then 14 rows of a at a time pass by, their 28 vectors of sums with
// a panel in registers. Every function is made for these instructions alone, and called only where the processor has
// them.
#include "kernels/core/gemm_tile.h"

#if defined(__x86_64__)
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/core/gemm_pack_avx512.h"

namespace hone::kernels::cpu {

namespace {
constexpr int kRows = 14;             // with 2 vectors each: 28 of the 32 registers
constexpr int64_t kDepth = 256;       // most words of the inner dimension at a time
constexpr int64_t kPacked = 1 << 17;  // most words of b packed at a time: half of a usual second-level cache

HONE_AVX512_INLINE __m512 multiply_add(__m512 sum, __m512i a, __m512i b, float) {
  return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
}
HONE_AVX512_INLINE __m512 multiply_add(__m512 sum, __m512i a, __m512i b, bfloat16) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

// Some rows of a and a panel of b.
template <class C>
struct Strip {
  const char* a;
  int64_t stride_a;  // bytes
  const Word* b;
  int64_t depth;
  float* sums;  // where the inner dimension has more than one part: of those so far
  int64_t stride_sums;
  bool first, last;
  C* c;
  int64_t stride_c, columns;
  float alpha, beta;
};

template <class T, class C, int rows, int vectors>
HONE_AVX512 void multiply_strip(const Strip<C>& s) {
  __m512 sums[rows][vectors];
  HONE_UNROLLED
  for (int r = 0; r < rows; ++r) {
    HONE_UNROLLED
    for (int v = 0; v < vectors; ++v)
      sums[r][v] = s.first ? _mm512_setzero_ps() : _mm512_loadu_ps(s.sums + r * s.stride_sums + v * kVector);
  }
  const char* a = s.a;
  for (const Word *b = s.b, *const end = s.b + s.depth * kPanel; b != end; b += kPanel, a += sizeof(Word)) {
    __m512i columns[vectors];
    HONE_UNROLLED
    for (int v = 0; v < vectors; ++v) columns[v] = _mm512_load_si512(b + v * kVector);
    HONE_UNROLLED
    for (int r = 0; r < rows; ++r) {
      Word word;
      std::memcpy(&word, a + r * s.stride_a, sizeof word);
      const __m512i row = _mm512_set1_epi32(word);
      HONE_UNROLLED
      for (int v = 0; v < vectors; ++v) sums[r][v] = multiply_add(sums[r][v], row, columns[v], T());
    }
  }
  if (!s.last) {
    HONE_UNROLLED
    for (int r = 0; r < rows; ++r) {
      HONE_UNROLLED
      for (int v = 0; v < vectors; ++v) _mm512_storeu_ps(s.sums + r * s.stride_sums + v * kVector, sums[r][v]);
    }
    return;
  }
  const __m512 alpha = _mm512_set1_ps(s.alpha), beta = _mm512_set1_ps(s.beta);
  HONE_UNROLLED
  for (int v = 0; v < vectors; ++v) {
    const __mmask16 mask = first_of_16(s.columns - v * kVector);
    HONE_UNROLLED
    for (int r = 0; r < rows; ++r) {
      C* const c = s.c + r * s.stride_c + v * kVector;
      const __m512 product = _mm512_mul_ps(alpha, sums[r][v]);
      store(c, mask, s.beta == 0 ? product : _mm512_fmadd_ps(beta, load(c, mask), product));
    }
  }
}

// multiply_strip of every number of rows, with one vector and with two.
template <class T, class C, int... r>
constexpr auto strips(std::integer_sequence<int, r...>) {
  using Function = void (*)(const Strip<C>&);
  return std::array<std::array<Function, 2>, sizeof...(r)>{
      {{&multiply_strip<T, C, r + 1, 1>, &multiply_strip<T, C, r + 1, 2>}...}};
}
template <class T, class C>
void multiply_rows(const Strip<C>& strip, int64_t rows) {
  static constexpr auto made = strips<T, C>(std::make_integer_sequence<int, kRows>());
  made[size_t(rows - 1)][strip.columns > kVector](strip);
}

// What belongs to a thread, kept from product to product.
struct Room {
  std::vector<Line> panels = std::vector<Line>(kPacked / kVector);
  std::vector<Word> rows;
  std::vector<float> sums;
};
Room& room_of_thread() {
  static thread_local Room room;
  return room;
}

template <class T, class C>
void multiply(const TileProduct<T, C>& p) {
  Room& room = room_of_thread();
  Word* const panels = room.panels.front().words;
  const int64_t words = (p.k + kPerWord<T> - 1) / kPerWord<T>, parts = (words + kDepth - 1) / kDepth,
                depth = ((words + parts - 1) / parts + kVector - 1) / kVector * kVector;
  // Rows are read where they lie, but for rows whose places in the cache would be the same, and half a pair at the end.
  const bool packed =
      p.transpose_a || p.k % kPerWord<T> != 0 || (p.stride_a * int64_t(sizeof(T)) % 2048 == 0 && p.m > 1);
  const int64_t stride_packed = depth + kVector, at_once = kPacked / (depth * kPanel) * kPanel,
                stride_sums = (p.n + kPanel - 1) / kPanel * kPanel + kVector;
  if (packed) room.rows.resize(size_t(p.m * stride_packed));
  if (parts > 1) room.sums.resize(size_t(p.m * stride_sums));
  for (int64_t w = 0; w < words; w += depth) {
    const int64_t k = w * kPerWord<T>, here = std::min(depth, words - w);
    if (packed)
      pack_rows(room.rows.data(), stride_packed, p.transpose_a ? p.a + k * p.stride_a : p.a + k, p.stride_a,
                p.transpose_a, p.k - k, here, p.m);
    for (int64_t from = 0; from < p.n; from += at_once) {
      const int64_t to = std::min(p.n, from + at_once);
      pack_columns<Panels::rows>(panels, depth * kPanel,
                                 p.transpose_b ? p.b + from * p.stride_b + k : p.b + k * p.stride_b + from, p.stride_b,
                                 p.transpose_b, p.k - k, here, to - from);
      int64_t strips = (p.m + kRows - 1) / kRows;
      for (int64_t i = 0, rows; i < p.m; i += rows, --strips) {
        rows = (p.m - i + strips - 1) / strips;
        for (int64_t j = from; j < to; j += kPanel)
          multiply_rows<T>(
              Strip<C>{.a = packed ? reinterpret_cast<const char*>(room.rows.data() + i * stride_packed)
                                   : reinterpret_cast<const char*>(p.a + i * p.stride_a + k),
                       .stride_a = packed ? stride_packed * int64_t(sizeof(Word)) : p.stride_a * int64_t(sizeof(T)),
                       .b = panels + (j - from) * depth,
                       .depth = here,
                       .sums = room.sums.data() + i * stride_sums + j,
                       .stride_sums = stride_sums,
                       .first = w == 0,
                       .last = w + depth >= words,
                       .c = p.c + i * p.stride_c + j,
                       .stride_c = p.stride_c,
                       .columns = std::min(kPanel, p.n - j),
                       .alpha = p.alpha,
                       .beta = p.beta},
              rows);
      }
    }
  }
}

bool has_avx512() {
  static const bool has_it =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return has_it;
}
template <class T, class C>
bool multiplied(bool possible, const TileProduct<T, C>& p) {
  if (!possible || p.k == 0) return false;
  multiply(p);
  return true;
}
}  // namespace

bool vectors_have_bfloat16() {
  static const bool has_it = has_avx512() && __builtin_cpu_supports("avx512bf16");
  return has_it;
}
bool vector_tile(const TileProduct<float>& p) { return multiplied(has_avx512(), p); }
bool vector_tile(const TileProduct<bfloat16>& p) { return multiplied(vectors_have_bfloat16(), p); }
bool vector_tile(const TileProduct<bfloat16, float>& p) { return multiplied(vectors_have_bfloat16(), p); }

}  // namespace hone::kernels::cpu

#else

namespace hone::kernels::cpu {

bool vectors_have_bfloat16() { return false; }
bool vector_tile(const TileProduct<float>&) { return false; }
bool vector_tile(const TileProduct<bfloat16>&) { return false; }
bool vector_tile(const TileProduct<bfloat16, float>&) { return false; }

}  // namespace hone::kernels::cpu
#endif
