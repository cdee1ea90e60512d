// The emulated twin of kernels/core/cuda/ptx.cuh: same names, same layouts of fragments, no GPU.
#pragma once
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace hone::kernels::cuda {

namespace emulated {
struct Mma {
  float* d;
  const uint32_t* a;
  uint32_t b[2];
};

HONE_CUDA_ON_CPU_UNSEEN inline float low(uint32_t v) { return __builtin_bit_cast(float, v << 16); }
HONE_CUDA_ON_CPU_UNSEEN inline float high(uint32_t v) { return __builtin_bit_cast(float, v & 0xffff0000u); }

// Gathers the fragments of 32 lanes into matrices, multiplies, hands the results back.
HONE_CUDA_ON_CPU_UNSEEN inline void mma_16816(unsigned mask, void* const* lanes) {
  if (mask != ~0u) cuda_on_cpu::fault("mma needs the whole warp");
  alignas(64) float a[16][16], b[16][8];
  for (int l = 0; l < 32; ++l) {
    const Mma& m = *static_cast<const Mma*>(lanes[l]);
    const int g = l / 4, t = l % 4 * 2;
    a[g][t] = low(m.a[0]);
    a[g][t + 1] = high(m.a[0]);
    a[g + 8][t] = low(m.a[1]);
    a[g + 8][t + 1] = high(m.a[1]);
    a[g][t + 8] = low(m.a[2]);
    a[g][t + 9] = high(m.a[2]);
    a[g + 8][t + 8] = low(m.a[3]);
    a[g + 8][t + 9] = high(m.a[3]);
    b[t][g] = low(m.b[0]);
    b[t + 1][g] = high(m.b[0]);
    b[t + 8][g] = low(m.b[1]);
    b[t + 9][g] = high(m.b[1]);
  }
  for (int r = 0; r < 16; ++r) {
    float sum[8] = {};
    for (int k = 0; k < 16; ++k)
      for (int c = 0; c < 8; ++c) sum[c] += a[r][k] * b[k][c];
    for (int c = 0; c < 8; ++c) static_cast<const Mma*>(lanes[r % 8 * 4 + c / 2])->d[r / 8 * 2 + c % 2] += sum[c];
  }
  ++cuda_on_cpu::ledger().mma;
}

HONE_CUDA_ON_CPU_UNSEEN inline void mma_1688_tf32(unsigned mask, void* const* lanes) {
  if (mask != ~0u) cuda_on_cpu::fault("mma needs the whole warp");
  auto tf32 = [](uint32_t v) { return __builtin_bit_cast(float, v & 0xffffe000u); };
  float a[16][8], b[8][8];
  for (int l = 0; l < 32; ++l) {
    const Mma& m = *static_cast<const Mma*>(lanes[l]);
    const int g = l / 4, t = l % 4;
    a[g][t] = tf32(m.a[0]);
    a[g + 8][t] = tf32(m.a[1]);
    a[g][t + 4] = tf32(m.a[2]);
    a[g + 8][t + 4] = tf32(m.a[3]);
    b[t][g] = tf32(m.b[0]);
    b[t + 4][g] = tf32(m.b[1]);
  }
  for (int r = 0; r < 16; ++r)
    for (int c = 0; c < 8; ++c) {
      float sum = 0;
      for (int k = 0; k < 8; ++k) sum += a[r][k] * b[k][c];
      static_cast<const Mma*>(lanes[r % 8 * 4 + c / 2])->d[r / 8 * 2 + c % 2] += sum;
    }
  ++cuda_on_cpu::ledger().mma;
}

struct Rows {
  const void* row;
  const void* rows[32];
};

HONE_CUDA_ON_CPU_UNSEEN inline void gather_rows(unsigned mask, void* const* lanes) {
  if (mask != ~0u) cuda_on_cpu::fault("ldmatrix needs the whole warp");
  const void* rows[32];
  for (int l = 0; l < 32; ++l) {
    rows[l] = static_cast<Rows*>(lanes[l])->row;
    if (reinterpret_cast<std::uintptr_t>(rows[l]) % 16)
      cuda_on_cpu::fault("ldmatrix: the row of lane " + std::to_string(l) + " is not at a multiple of 16");
    if (!cuda_on_cpu::in_shared(rows[l], 16))
      cuda_on_cpu::fault("ldmatrix: the row of lane " + std::to_string(l) + " is not in this block's shared memory");
  }
  for (int l = 0; l < 32; ++l)
    for (int i = 0; i < 32; ++i) static_cast<Rows*>(lanes[l])->rows[i] = rows[i];
  auto& ledger = cuda_on_cpu::ledger();
  ++ledger.ldmatrix;
  for (int m = 0; m < 4; ++m) {  // how often the busiest of the eight 16-byte bank groups is read
    int count[8] = {}, most = 0;
    for (int i = 0; i < 8; ++i)
      most = std::max(most, ++count[reinterpret_cast<std::uintptr_t>(rows[8 * m + i]) / 16 % 8]);
    ledger.ldmatrix_phases += static_cast<unsigned>(most);
  }
}
}  // namespace emulated

inline void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Where where = Where::here()) {
  emulated::Mma m{d, a, {b0, b1}};
  cuda_on_cpu::warp_collective(~0u, "mma.m16n8k16", where, &m, &emulated::mma_16816);
}

inline void mma_m16n8k8_tf32(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                             Where where = Where::here()) {
  emulated::Mma m{d, a, {b0, b1}};
  cuda_on_cpu::warp_collective(~0u, "mma.m16n8k8.tf32", where, &m, &emulated::mma_1688_tf32);
}

inline void ldmatrix_x4(uint32_t (&r)[4], const void* row, Where where = Where::here()) {
  emulated::Rows rows{row, {}};
  cuda_on_cpu::warp_collective(~0u, "ldmatrix", where, &rows, &emulated::gather_rows);
  const int l = static_cast<int>(cuda_on_cpu::self->lane);
  for (int i = 0; i < 4; ++i) r[i] = static_cast<const uint32_t*>(rows.rows[8 * i + l / 4])[l % 4];
}

inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row, Where where = Where::here()) {
  emulated::Rows rows{row, {}};
  cuda_on_cpu::warp_collective(~0u, "ldmatrix.trans", where, &rows, &emulated::gather_rows);
  const int l = static_cast<int>(cuda_on_cpu::self->lane);
  for (int i = 0; i < 4; ++i) {
    const uint32_t lo = static_cast<const uint16_t*>(rows.rows[8 * i + l % 4 * 2])[l / 4];
    const uint32_t hi = static_cast<const uint16_t*>(rows.rows[8 * i + l % 4 * 2 + 1])[l / 4];
    r[i] = lo | hi << 16;
  }
}

inline void copy_async_16(void* shared, const void* global, bool valid = true) {
  cuda_on_cpu::copy_async(shared, global, 16, valid);
}
inline void copy_async_commit() { cuda_on_cpu::copy_async_commit(); }
template <int pending>
void copy_async_wait() {
  cuda_on_cpu::copy_async_wait(pending);
}

inline uint4 load_streaming(const uint4* p) { return *p; }
inline void store_streaming(uint4* p, uint4 v) { *p = v; }
inline float exp2_approx(float x) { return std::exp2(x); }
inline uint32_t pack_bf16(float low, float high) {
  const __nv_bfloat16_raw l = __float2bfloat16_rn(low), h = __float2bfloat16_rn(high);
  return l.x | static_cast<uint32_t>(h.x) << 16;
}

}  // namespace hone::kernels::cuda
