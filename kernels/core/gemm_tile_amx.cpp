// Products in bfloat16 for x86-64 processors with AMX. The sums of 32 rows of op(a) with 32 columns of op(b) are four
// tiles; each step along the inner dimension loads two tiles of each and makes four products of them. These take as
// long as 64 lines take to come from the first-level cache, but not from the second: so a strip of 32 rows of a stays
// in the first, 512 elements of the inner dimension at a time, while packed panels of b pass by.
#include "kernels/core/gemm_tile.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "kernels/core/gemm_pack_avx512.h"

#define HONE_AMX __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,amx-tile,amx-bf16")))
#define HONE_AMX_INLINE HONE_AMX __attribute__((always_inline)) inline

namespace hone::kernels::cpu {

namespace {
constexpr int64_t kSide = 16;          // rows of a tile, and words of each
constexpr int64_t kStrip = 2 * kSide;  // rows of a at a time, with kPanel columns of b
constexpr int64_t kTileWords = kSide * kSide;
constexpr int64_t kStepWords = 2 * kTileWords;   // of a panel: the tile of its left half, then of its right
constexpr int64_t kBlockSums = kStrip * kPanel;  // of a strip and a panel, a row after the other
constexpr int64_t kLine = 64, kRowOfSums = kPanel * int64_t(sizeof(float));  // bytes

constexpr int64_t kSteps = 16;           // most at a time: a strip of a is then half of a usual first-level cache
constexpr int64_t kPart = 1024;          // most words of the inner dimension that are packed at a time
constexpr int64_t kPacked = 1 << 17;     // most words of b packed at a time: a quarter of a usual second-level cache
constexpr int64_t kPackedFew = 1 << 13;  // as much is packed even for few rows of a: it fits the first-level cache
constexpr int64_t kPanelsOfSums = 4;     // most panels at a time where sums have to be put aside between steps

template <int tile>
HONE_AMX_INLINE void tile_zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(tile));
}
template <int tile>
HONE_AMX_INLINE void tile_load(const void* from, int64_t stride) {
  asm volatile("tileloadd (%0,%1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(tile) : "memory");
}
// Of what passes by, and shall not push out of the first-level cache what is read again and again.
template <int tile>
HONE_AMX_INLINE void tile_load_passing(const void* from, int64_t stride) {
  asm volatile("tileloaddt1 (%0,%1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(tile) : "memory");
}
template <int tile>
HONE_AMX_INLINE void tile_store(void* to, int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1)" ::"r"(to), "r"(stride), "i"(tile) : "memory");
}
template <int sums, int a, int b>
HONE_AMX_INLINE void tile_multiply_add() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sums), "i"(a), "i"(b));
}

// This thread's eight tiles, each 16 rows of 64 bytes. Given back after every product: what is not in use need not be
// saved when the system switches threads.
class Tiles {
 public:
  HONE_AMX Tiles() {
    struct alignas(kLine) {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t bytes[16] = {kLine, kLine, kLine, kLine, kLine, kLine, kLine, kLine};
      uint8_t rows[16] = {kSide, kSide, kSide, kSide, kSide, kSide, kSide, kSide};
    } shapes;
    static_assert(sizeof shapes == 64);
    asm volatile("ldtilecfg %0" ::"m"(shapes));
  }
  HONE_AMX ~Tiles() { asm volatile("tilerelease"); }
  Tiles(const Tiles&) = delete;
};

// Lines of memory to be had nearer before they are needed: at step s those of s * step + i * stride, for i < lines.
struct Fetch {
  const char* from;
  int64_t stride, step, lines;
  void at(int64_t s) const {
    for (int64_t i = 0; i < lines; ++i) _mm_prefetch(from + s * step + i * stride, _MM_HINT_T1);
  }
};

// A strip and a panel, over some steps of the inner dimension.
struct Block {
  const char* a;
  int64_t stride_a;  // bytes
  const Word* b;
  int64_t steps;
  float* sums;
  bool first;  // are there no sums yet?
  Fetch next;  // of what will be packed next, which comes from far away
};

template <int rows, int columns>  // tiles
HONE_AMX void multiply_block(const Block& block) {
  constexpr bool right = columns == 2, below = rows == 2, both = right && below;
  float *const sums = block.sums, *const sums_below = sums + kSide * kPanel;
  if (block.first) {
    tile_zero<0>();
    if constexpr (right) tile_zero<1>();
    if constexpr (below) tile_zero<2>();
    if constexpr (both) tile_zero<3>();
  } else {
    tile_load<0>(sums, kRowOfSums);
    if constexpr (right) tile_load<1>(sums + kSide, kRowOfSums);
    if constexpr (below) tile_load<2>(sums_below, kRowOfSums);
    if constexpr (both) tile_load<3>(sums_below + kSide, kRowOfSums);
  }
  const char* a = block.a;
  const Word* b = block.b;
  for (int64_t step = 0; step < block.steps; ++step) {
    tile_load<4>(a, block.stride_a);
    tile_load_passing<6>(b, kLine);
    tile_multiply_add<0, 4, 6>();
    if constexpr (right) tile_load_passing<7>(b + kTileWords, kLine);
    if constexpr (right) tile_multiply_add<1, 4, 7>();
    if constexpr (below) tile_load<5>(a + kSide * block.stride_a, block.stride_a);
    if constexpr (below) tile_multiply_add<2, 5, 6>();
    if constexpr (both) tile_multiply_add<3, 5, 7>();
    block.next.at(step);
    a += kLine, b += kStepWords;
  }
  tile_store<0>(sums, kRowOfSums);
  if constexpr (right) tile_store<1>(sums + kSide, kRowOfSums);
  if constexpr (below) tile_store<2>(sums_below, kRowOfSums);
  if constexpr (both) tile_store<3>(sums_below + kSide, kRowOfSums);
}
void multiply_block(const Block& block, bool two_rows, bool two_columns) {
  static constexpr void (*kOfSize[2][2])(const Block&) = {{&multiply_block<1, 1>, &multiply_block<1, 2>},
                                                          {&multiply_block<2, 1>, &multiply_block<2, 2>}};
  kOfSize[two_rows][two_columns](block);
}

HONE_AVX512_INLINE void store_two(float* to, int64_t columns, __m512 left, __m512 right) {
  store(to, first_of_16(columns), left);
  store(to + kVector, first_of_16(columns - kVector), right);
}
HONE_AVX512_INLINE void store_two(bfloat16* to, int64_t columns, __m512 left, __m512 right) {
  _mm512_mask_storeu_epi16(to, first_of_32(columns), (__m512i)_mm512_cvtne2ps_pbh(right, left));
}

// Where finished sums go.
template <class C>
struct Result {
  C* c;
  int64_t stride;
  float alpha, beta;
};
template <class C>
HONE_AVX512 void finish(const Result<C>& to, const float* sums, int64_t rows, int64_t columns) {
  const __m512 alpha = _mm512_set1_ps(to.alpha), beta = _mm512_set1_ps(to.beta);
  for (int64_t r = 0; r < rows; ++r, sums += kPanel) {
    C* const c = to.c + r * to.stride;
    __m512 left = _mm512_mul_ps(alpha, _mm512_load_ps(sums)),
           right = _mm512_mul_ps(alpha, _mm512_load_ps(sums + kVector));
    if (to.beta != 0) {
      left = _mm512_fmadd_ps(beta, load(c, first_of_16(columns)), left);
      right = _mm512_fmadd_ps(beta, load(c + kVector, first_of_16(columns - kVector)), right);
    }
    store_two(c, columns, left, right);
  }
}
// Of a product of the transposes.
template <class C>
HONE_AVX512 void finish_transposed(const Result<C>& to, const float* sums, int64_t rows, int64_t columns) {
  const __m512 alpha = _mm512_set1_ps(to.alpha), beta = _mm512_set1_ps(to.beta);
  for (int64_t i = 0; i < rows; i += kSide)
    for (int64_t j = 0; j < columns; j += kSide) {
      __m512i part[16];
      load_transposed(part, sums + i * kPanel + j, kPanel);
      const __mmask16 mask = first_of_16(rows - i);
      for (int64_t r = 0; r < std::min(kSide, columns - j); ++r) {
        C* const c = to.c + (j + r) * to.stride + i;
        const __m512 product = _mm512_mul_ps(alpha, _mm512_castsi512_ps(part[r]));
        store(c, mask, to.beta == 0 ? product : _mm512_fmadd_ps(beta, load(c, mask), product));
      }
    }
}

// Rows of op(a), or columns of op(b): `count` vectors along the inner dimension.
struct Vectors {
  const bfloat16* data;
  int64_t count, stride;
  bool contiguous;  // does the inner dimension lie in a row? Else vector lies beside vector
  const bfloat16* at(int64_t i, int64_t k) const { return data + (contiguous ? i * stride + k : k * stride + i); }
};

// Tiles are loaded from where rows lie, unless these end within a step or straddle lines.
bool lie_well(const Vectors& a, int64_t k) {
  const int64_t apart = a.stride * int64_t(sizeof(bfloat16));
  return a.contiguous && k % (kSide * kPerWord<bfloat16>) == 0 && reinterpret_cast<uintptr_t>(a.data) % kLine == 0 &&
         apart % kLine == 0;
}

// What belongs to a thread, kept from product to product.
struct Room {
  std::vector<Line> panels, rows, sums;
};
Room& room_of_thread() {
  static thread_local Room room;
  return room;
}
Word* words_of(std::vector<Line>& lines, int64_t words) {
  const size_t count = size_t((words + kVector - 1) / kVector);
  if (lines.size() < count) lines.resize(count);
  return reinterpret_cast<Word*>(lines.data());
}
int64_t count_of(int64_t size, int64_t of) { return (size + of - 1) / of; }

template <class C>
class Product {
 public:
  explicit Product(const TileProduct<bfloat16, C>& p)
      : k_(p.k),
        a_{p.a, p.m, p.stride_a, !p.transpose_a},
        b_{p.b, p.n, p.stride_b, p.transpose_b},
        to_{p.c, p.stride_c, p.alpha, p.beta} {
    // The transposes have the same product, transposed: that is preferred where it leaves less to transpose while
    // packing, and that is more than the results.
    transposed_ = a_.contiguous ? b_.contiguous && k_ * (b_.count - a_.count) > 2 * a_.count * b_.count
                                : !b_.contiguous && a_.count > b_.count;
    if (transposed_) std::swap(a_, b_);
    strips_ = count_of(a_.count, kStrip), panels_ = count_of(b_.count, kPanel);
    const int64_t words = count_of(k_, kPerWord<bfloat16>);
    parts_ = count_of(words, kPart);
    depth_ = count_of(count_of(words, parts_), kSide) * kSide;
    first_packed_ = lie_well(a_, k_) ? a_.count / kSide * kSide : 0;
    const int64_t room = std::min(kPacked, std::max(kPackedFew, a_.count * depth_)) / (depth_ * kPanel),
                  most = std::max<int64_t>(1, puts_aside() ? std::min(room, kPanelsOfSums) : room);
    at_once_ = count_of(panels_, count_of(panels_, most));
  }

  HONE_AMX void run() {
    Room& room = room_of_thread();
    packed_ = words_of(room.panels, at_once_ * depth_ * kPanel);
    rows_ = words_of(room.rows, count_of(a_.count - first_packed_, kSide) * kSide * row_stride());
    const int64_t blocks = parts_ > 1 ? strips_ * panels_ : puts_aside() ? at_once_ : 1;
    sums_ = reinterpret_cast<float*>(words_of(room.sums, blocks * kBlockSums));
    const Tiles tiles;
    for (int64_t part = 0; part < parts_; ++part) {
      const int64_t words = std::min(depth_, count_of(k_, kPerWord<bfloat16>) - part * depth_);
      const int64_t k = part * depth_ * kPerWord<bfloat16>;
      pack_rows(rows_, row_stride(), a_.at(first_packed_, k), a_.stride, !a_.contiguous, k_ - k, words,
                a_.count - first_packed_);
      for (int64_t panel = 0; panel < panels_; panel += at_once_) {
        const int64_t end = std::min(panels_, panel + at_once_);
        pack_columns<Panels::tiles>(packed_, depth_ * kPanel, b_.at(panel * kPanel, k), b_.stride, b_.contiguous,
                                    k_ - k, words, std::min(b_.count, end * kPanel) - panel * kPanel);
        for (int64_t strip = 0; strip < strips_; ++strip)
          for (int64_t step = 0, steps = count_of(words, kSide); step < steps; step += kSteps)
            pass(part, panel, end, strip, step, std::min(kSteps, steps - step),
                 part + 1 == parts_ && step + kSteps >= steps);
      }
    }
  }

 private:
  // Are more steps to be made than a strip stays for?
  bool puts_aside() const { return depth_ > kSteps * kSide; }
  int64_t row_stride() const { return depth_ + kVector; }

  // Panels [panel, end) pass by a strip, over some steps of a part of the inner dimension.
  void pass(int64_t part, int64_t panel, int64_t end, int64_t strip, int64_t step, int64_t steps, bool last) {
    const int64_t i = strip * kStrip, rows = std::min(kStrip, a_.count - i);
    const int64_t k = (part * depth_ + step * kSide) * kPerWord<bfloat16>, lines = count_of(kPanel, strips_);
    const int64_t line = b_.stride * int64_t(sizeof(bfloat16));
    Block block{.a = nullptr,
                .stride_a = 0,
                .b = packed_ + step * kStepWords,
                .steps = steps,
                .sums = sums_,
                .first = part + step == 0,
                .next = {nullptr, line, b_.contiguous ? kLine : kSide * kPerWord<bfloat16> * line, 0}};
    for (int64_t first = panel; panel < end; ++panel, block.b += depth_ * kPanel) {
      const int64_t j = panel * kPanel, columns = std::min(kPanel, b_.count - j);
      float* const sums = sums_ + kBlockSums * (parts_ > 1     ? panel * strips_ + strip
                                                : puts_aside() ? panel - first
                                                               : 0);
      if (panel + at_once_ < panels_) {
        block.next.lines = lines;
        block.next.from = reinterpret_cast<const char*>(b_.at((panel + at_once_) * kPanel, k)) + strip * lines * line;
      }
      // Where the lower half is packed and the upper is not they are multiplied one by one.
      const bool apart = i < first_packed_ && i + kSide == first_packed_ && rows > kSide;
      for (int64_t half = 0; half < (apart ? kStrip : kSide); half += kSide) {
        block.sums = sums + half * kPanel;
        if (const int64_t packed = i + half - first_packed_; packed >= 0) {
          block.a = reinterpret_cast<const char*>(rows_ + packed * row_stride() + step * kSide);
          block.stride_a = row_stride() * int64_t(sizeof(Word));
        } else {
          block.a = reinterpret_cast<const char*>(a_.at(i + half, k));
          block.stride_a = a_.stride * int64_t(sizeof(bfloat16));
        }
        multiply_block(block, !apart && rows > kSide, columns > kSide);
      }
      if (!last) continue;
      if (transposed_) {
        finish_transposed(Result<C>{to_.c + j * to_.stride + i, to_.stride, to_.alpha, to_.beta}, sums, rows, columns);
      } else {
        finish(Result<C>{to_.c + i * to_.stride + j, to_.stride, to_.alpha, to_.beta}, sums, rows, columns);
      }
    }
  }

  int64_t k_;
  Vectors a_, b_;
  Result<C> to_;
  bool transposed_;
  int64_t strips_, panels_, parts_, depth_;  // depth: words of a part
  int64_t first_packed_;                     // rows of a from here on are packed
  int64_t at_once_;                          // panels
  Word *packed_ = nullptr, *rows_ = nullptr;
  float* sums_ = nullptr;
};

// The processor has the instructions, and the system lets this process use them: it has to be asked (Linux:
// Documentation/arch/x86/xstate.rst).
bool has_amx() {
  static const bool has_it = [] {
    constexpr unsigned kBfloat16 = 1u << 22, kTiles = 1u << 24;
    constexpr long kRequestPermission = 0x1023, kTileData = 18;
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!vectors_have_bfloat16() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    if ((d & kBfloat16) == 0 || (d & kTiles) == 0) return false;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return has_it;
}
template <class C>
bool multiplied(const TileProduct<bfloat16, C>& p) {
  if (!has_amx() || p.k == 0) return false;
  Product<C>(p).run();
  return true;
}
}  // namespace

bool matrix_tile(const TileProduct<bfloat16>& p) { return multiplied(p); }
bool matrix_tile(const TileProduct<bfloat16, float>& p) { return multiplied(p); }

}  // namespace hone::kernels::cpu

#else

namespace hone::kernels::cpu {

bool matrix_tile(const TileProduct<bfloat16>&) { return false; }
bool matrix_tile(const TileProduct<bfloat16, float>&) { return false; }

}  // namespace hone::kernels::cpu
#endif
