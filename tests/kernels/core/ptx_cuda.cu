#include "tests/kernels/core/ptx.h"

#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"

namespace hone::test {

using namespace kernels::cuda;

// Which element of a fragment lane l's register r holds: PTX ISA, "Matrix Fragments for mma.m16n8k16" (bfloat16).
__global__ void mma_bf16(float* d, const uint16_t* a, const uint16_t* b) {
  const int group = int(threadIdx.x) / 4, pair = int(threadIdx.x) % 4 * 2;
  const auto two = [](uint16_t low, uint16_t high) { return uint32_t(low) | uint32_t(high) << 16; };
  uint32_t fragment[4];
  for (int r = 0; r < 4; ++r) {
    const uint16_t* const at = a + (group + r % 2 * 8) * 16 + pair + r / 2 * 8;
    fragment[r] = two(at[0], at[1]);
  }
  const uint32_t b0 = two(b[pair * 8 + group], b[(pair + 1) * 8 + group]);
  const uint32_t b1 = two(b[(pair + 8) * 8 + group], b[(pair + 9) * 8 + group]);
  float sums[4];
  for (int r = 0; r < 4; ++r) sums[r] = d[(group + r / 2 * 8) * 8 + pair + r % 2];
  mma_m16n8k16(sums, fragment, b0, b1);
  for (int r = 0; r < 4; ++r) d[(group + r / 2 * 8) * 8 + pair + r % 2] = sums[r];
}

// "Matrix Fragments for mma.m16n8k8" (tf32).
__global__ void mma_tf32(float* d, const float* a, const float* b) {
  const int group = int(threadIdx.x) / 4, lane = int(threadIdx.x) % 4;
  uint32_t fragment[4];
  for (int r = 0; r < 4; ++r) fragment[r] = __float_as_uint(a[(group + r % 2 * 8) * 8 + lane + r / 2 * 4]);
  float sums[4];
  for (int r = 0; r < 4; ++r) sums[r] = d[(group + r / 2 * 8) * 8 + lane * 2 + r % 2];
  mma_m16n8k8_tf32(sums, fragment, __float_as_uint(b[lane * 8 + group]), __float_as_uint(b[(lane + 4) * 8 + group]));
  for (int r = 0; r < 4; ++r) d[(group + r / 2 * 8) * 8 + lane * 2 + r % 2] = sums[r];
}

__global__ void ldmatrix(int* out, const int* matrices, bool transposed) {
  SharedMemory shared;
  uint16_t* const tile = shared.array<uint16_t>(256);
  for (int i = 0; i < 8; ++i) tile[threadIdx.x * 8 + i] = uint16_t(matrices[threadIdx.x * 8 + i]);
  __syncwarp();
  uint32_t r[4];
  if (transposed) {
    ldmatrix_x4_trans(r, tile + threadIdx.x * 8);
  } else {
    ldmatrix_x4(r, tile + threadIdx.x * 8);
  }
  for (int i = 0; i < 4; ++i) out[threadIdx.x * 4 + i] = int(r[i]);
}

__global__ void copy_async(int* out, const int* in) {
  SharedMemory shared;
  int* const tile = shared.array<int>(128);
  const int at = int(threadIdx.x) * 4;
  copy_async_16(tile + at, in + at, threadIdx.x % 3 != 2);
  copy_async_commit();
  copy_async_wait<0>();
  __syncwarp();
  for (int i = 0; i < 4; ++i) out[124 - at + i] = tile[124 - at + i];
}

__global__ void pack(int* out, const float* in) {
  out[threadIdx.x] = int(pack_bf16(in[threadIdx.x * 2], in[threadIdx.x * 2 + 1]));
}
__global__ void exp2(float* out, const float* in) { out[threadIdx.x] = exp2_approx(in[threadIdx.x]); }
__global__ void streaming_copy(uint4* out, const uint4* in) {
  store_streaming(out + threadIdx.x, load_streaming(in + threadIdx.x));
}
__global__ void sum_twice(float* out, const float* in) {
  SharedMemory shared;
  float* const partial = shared.array<float>(8);
  const float once = block_sum<256>(in[threadIdx.x], partial);
  out[threadIdx.x] = block_sum<256>(once, partial);
}

namespace {
const uint16_t* bits(const Tensor& t) { return reinterpret_cast<const uint16_t*>(t.data<bfloat16>()); }
}  // namespace

void run_mma_bf16(Stream& stream, Tensor& d, const Tensor& a, const Tensor& b) {
  launch(stream, mma_bf16, {}, {32}, 0, d.data<float>(), bits(a), bits(b));
}
void run_mma_tf32(Stream& stream, Tensor& d, const Tensor& a, const Tensor& b) {
  launch(stream, mma_tf32, {}, {32}, 0, d.data<float>(), a.data<float>(), b.data<float>());
}
void run_ldmatrix(Stream& stream, Tensor& out, const Tensor& matrices, bool transposed) {
  launch(stream, ldmatrix, {}, {32}, shared_bytes<uint16_t>(256), out.data<int32_t>(), matrices.data<int32_t>(),
         transposed);
}
void run_copy_async(Stream& stream, Tensor& out, const Tensor& in) {
  launch(stream, copy_async, {}, {32}, shared_bytes<int>(128), out.data<int32_t>(), in.data<int32_t>());
}
void run_pack_bf16(Stream& stream, Tensor& out, const Tensor& in) {
  launch(stream, pack, {}, {32}, 0, out.data<int32_t>(), in.data<float>());
}
void run_exp2(Stream& stream, Tensor& out, const Tensor& in) {
  launch(stream, exp2, {}, {32}, 0, out.data<float>(), in.data<float>());
}
void run_streaming_copy(Stream& stream, Tensor& out, const Tensor& in) {
  launch(stream, streaming_copy, {}, {32}, 0, reinterpret_cast<uint4*>(out.data<int32_t>()),
         reinterpret_cast<const uint4*>(in.data<int32_t>()));
}
void run_block_sum(Stream& stream, Tensor& out, const Tensor& in) {
  launch(stream, sum_twice, {}, {256}, shared_bytes<float>(8), out.data<float>(), in.data<float>());
}

}  // namespace hone::test
