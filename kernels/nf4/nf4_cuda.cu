// A piece is 16 bytes of values, 8 in bfloat16 or 4 in float32, and the 4 or 2 bytes of their codes. Neighbouring
// threads have neighbouring pieces, so that a warp's loads and stores are whole lines both of values and of codes.
#include <algorithm>

#include "kernels/core/cuda/dynamic_map.cuh"
#include "kernels/core/cuda/launch.h"
#include "kernels/core/cuda/primitives.cuh"
#include "kernels/nf4/nf4.h"
#include "kernels/nf4/rule.h"

namespace hone::kernels::cuda {

constexpr int kNf4Threads = 256;

// The codes of a piece as they lie in memory, and where in them element j is: even ones in the high half of a byte.
template <int count>
using Nf4Codes = std::conditional_t<count == 8, uint32_t, std::conditional_t<count == 4, uint16_t, uint8_t>>;
__device__ constexpr int code_shift(int j) { return j / 2 * 8 + (j % 2 == 0 ? 4 : 0); }

template <class T>
struct Nf4Piece {
  uint8_t* codes;
  float* absmax;
  const T* values;
  int64_t count;
  bool aligned;
  Table<15> thresholds;
};

// 64 / (16 / sizeof(T)) neighbouring lanes have a block of 64. What a last block lacks is 0, as on the CPU.
template <class T>
__global__ void __launch_bounds__(kNf4Threads) nf4_quantize_kernel(const __grid_constant__ Nf4Piece<T> p) {
  constexpr int kCount = 16 / sizeof(T), kLanes = kQuantizedBlock / kCount;
  const int64_t first = (int64_t(blockIdx.x) * kNf4Threads + threadIdx.x) * kCount;
  const bool whole = p.aligned && first + kCount <= p.count;
  float x[kCount];
  if (whole) {
    const Vector<T, kCount> v = load_vector<kCount>(p.values + first);
#pragma unroll
    for (int j = 0; j < kCount; ++j) x[j] = widened(v.value[j]);
  } else {
#pragma unroll
    for (int j = 0; j < kCount; ++j) x[j] = first + j < p.count ? float(widened(p.values[first + j])) : 0.0f;
  }
  float largest = 0;
#pragma unroll
  for (int j = 0; j < kCount; ++j) largest = fmaxf(largest, fabsf(x[j]));
#pragma unroll
  for (int offset = kLanes / 2; offset > 0; offset /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, offset));
  if (first >= p.count) return;
  if (threadIdx.x % kLanes == 0) p.absmax[first / kQuantizedBlock] = largest;
  const float inverse = 1.0f / largest;
  uint32_t codes = 0;
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    const float scaled = x[j] * inverse;
    uint32_t code = 0;
#pragma unroll
    for (int k = 0; k < 15; ++k) code += scaled > p.thresholds.value[k];
    codes |= code << code_shift(j);
  }
  uint8_t* const to = p.codes + first / 2;
  if (whole) {
    *reinterpret_cast<Nf4Codes<kCount>*>(to) = Nf4Codes<kCount>(codes);
  } else {
#pragma unroll
    for (int j = 0; j < kCount; j += 2)
#ifndef MUTANT_NF4_WRITES_PAST_THE_END
      if (first + j < p.count)
#endif
        to[j / 2] = uint8_t(codes >> (j / 2 * 8));
  }
}

// A warp a block of kNestedBlock scales; half of it adds them up in the order of sum_of<double> on the CPU.
__global__ void __launch_bounds__(kNf4Threads) nf4_scale_sums_kernel(double* sums, const float* absmax, int64_t count) {
  constexpr int kLanes = 16;
  const int64_t block = (int64_t(blockIdx.x) * kNf4Threads + threadIdx.x) / 32;
  const int lane = threadIdx.x % 32;
  const int64_t end = min(count, (block + 1) * kNestedBlock);
  double sum = 0;
  if (lane < kLanes)
    for (int64_t i = block * kNestedBlock + lane; i < end; i += kLanes) sum += double(absmax[i]);
#pragma unroll
  for (int half = kLanes / 2; half > 0; half /= 2) sum += __shfl_down_sync(kAllLanes, sum, half);
  if (lane == 0 && block * kNestedBlock < count) sums[block] = sum;
}

// A block of threads a block of scales, a thread a scale.
__global__ void __launch_bounds__(kNestedBlock)
    nf4_nest_scales_kernel(uint8_t* codes, float* nested, const float* absmax, int64_t count, float offset,
                           const __grid_constant__ Table<256> bounds) {
  SharedMemory shared;
  float *const tree = shared.array<float>(256), *const partial = shared.array<float>(kNestedBlock / 32);
  const int64_t i = int64_t(blockIdx.x) * kNestedBlock + threadIdx.x;
  tree[threadIdx.x] = bounds.value[threadIdx.x];
  const float centred = i < count ? absmax[i] - offset : 0.0f;
  float largest = warp_max(fabsf(centred));
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = largest;
  __syncthreads();
#pragma unroll
  for (int w = 0; w < kNestedBlock / 32; ++w) largest = fmaxf(largest, partial[w]);
  if (i >= count) return;
  if (threadIdx.x == 0) nested[blockIdx.x] = largest;
  const float x = centred * (1.0f / largest);  // NaN where all are equal: code 0
  codes[i] = dynamic_code_of(tree, x);
}

struct Nf4Scales {
  const float* absmax;   // null: nested scales
  const uint8_t* codes;  // and the others where absmax is null
  const float *nested, *map;
  float offset;
};
Nf4Scales pointers(const Scales& scales) {
  if (const auto* plain = std::get_if<FloatScales>(&scales))
    return {plain->absmax.data<float>(), nullptr, nullptr, nullptr, 0};
  const auto& s = std::get<NestedScales>(scales);
  return {nullptr, s.codes.data<uint8_t>(), s.nested.data<float>(), s.map.data<float>(), s.offset};
}
__device__ __forceinline__ float absmax_of(const Nf4Scales& s, int64_t block) {
  if (s.absmax) return s.absmax[block];
  return rounded_product(s.map[s.codes[block]], s.nested[block / kNestedBlock]) + s.offset;
}

template <class T>
struct Nf4Window {
  T* to;
  const uint8_t* codes;
  Nf4Scales scales;
  int64_t first, width;         // the window's first element in the weight, elements from one of its rows to the next
  int64_t stride;               // the same in `to`
  uint32_t pieces, row_pieces;  // of the window, of one of its rows
  Table<16> levels;
};

// A thread has kNf4Pieces pieces, kNf4Threads apart, and loads the codes and scales of all before it uses any. A lookup
// in 16 neighbouring words of shared memory meets no bank conflict, whatever the codes.
constexpr int kNf4Pieces = 4;
template <class T, int count>
__global__ void __launch_bounds__(kNf4Threads) nf4_dequantize_kernel(const __grid_constant__ Nf4Window<T> p) {
  SharedMemory shared;
  float* const level = shared.array<float>(16);
  if (threadIdx.x < 16) level[threadIdx.x] = p.levels.value[threadIdx.x];
#ifndef MUTANT_NF4_NO_BARRIER
  __syncthreads();
#endif
  const uint32_t begin = blockIdx.x * (kNf4Threads * kNf4Pieces) + threadIdx.x;
  T* to[kNf4Pieces];
  uint32_t codes[kNf4Pieces];
  float absmax[kNf4Pieces];
#pragma unroll
  for (int j = 0; j < kNf4Pieces; ++j) {
    const uint32_t piece = begin + j * kNf4Threads;
    to[j] = nullptr;
    if (piece >= p.pieces) continue;
    const int64_t row = piece / p.row_pieces, column = int64_t(piece % p.row_pieces) * count;
    const int64_t element = p.first + row * p.width + column;
    to[j] = p.to + row * p.stride + column;
    codes[j] = *reinterpret_cast<const Nf4Codes<count>*>(p.codes + element / 2);
    if (count == 1) codes[j] >>= code_shift(int(element % 2));
    absmax[j] = absmax_of(p.scales, element / kQuantizedBlock);
  }
#pragma unroll
  for (int j = 0; j < kNf4Pieces; ++j) {
    if (!to[j]) continue;
    Vector<Computed<T>, count> v;
#pragma unroll
    for (int i = 0; i < count; ++i) v.value[i] = level[codes[j] >> (count == 1 ? 0 : code_shift(i)) & 15] * absmax[j];
    store_vector(to[j], narrowed<T>(v));
  }
}

// y (rows of x, 16 outputs a block) by tensor cores: the weight is the operand of 16 rows, x that of 8. A warp takes
// every kNf4Warps-th piece of 128 inputs; the warps' sums are added up in their order.
constexpr int kNf4Outputs = 16, kNf4Chunk = 128, kNf4Warps = kNf4Threads / 32;
template <class Y>
struct Nf4Product {
  Y* y;
  const __nv_bfloat16* x;
  const uint8_t* codes;
  Nf4Scales scales;
  int64_t inputs, outputs, rows, x_stride, y_stride;
  bool aligned;  // x, for loads of 16 bytes
  float alpha, beta;
  Table<16> levels;
};

// 32 neighbouring elements of a row of the weight, within one block.
struct Nf4Run {
  uint4 codes;
  float absmax;
};
__device__ __forceinline__ Nf4Run load_run(const uint8_t* codes, const Nf4Scales& scales, int64_t element, bool there) {
  if (!there) return {make_uint4(0, 0, 0, 0), 0};
  return {load_streaming(reinterpret_cast<const uint4*>(codes + element / 2)),
          absmax_of(scales, element / kQuantizedBlock)};
}
// Elements j and j + 1 of a word of codes.
__device__ __forceinline__ uint32_t widened_pair(const float* level, uint32_t codes, int j, float absmax) {
  return pack_bf16(level[codes >> code_shift(j) & 15] * absmax, level[codes >> code_shift(j + 1) & 15] * absmax);
}
__device__ __forceinline__ uint4 load_eight(const __nv_bfloat16* p, bool aligned) {
  if (aligned) return *reinterpret_cast<const uint4*>(p);
  uint32_t word[4];
#pragma unroll
  for (int i = 0; i < 4; ++i)
    word[i] = uint32_t(__bfloat16_as_ushort(p[2 * i])) | uint32_t(__bfloat16_as_ushort(p[2 * i + 1])) << 16;
  return make_uint4(word[0], word[1], word[2], word[3]);
}

// Of a fragment lane l holds the elements of rows l / 4 and l / 4 + 8 at places that its l % 4 says. Which inputs those
// places stand for is free as long as both operands agree: here lane l % 4 stands for 32 neighbouring ones, 16 bytes of
// codes, of which each product takes four.
template <class Y>
__global__ void __launch_bounds__(kNf4Threads) nf4_linear_kernel(const __grid_constant__ Nf4Product<Y> p) {
  SharedMemory shared;
  float *const level = shared.array<float>(16), *const sums = shared.array<float>(kNf4Warps * kNf4Outputs * kFewRows);
  if (threadIdx.x < 16) level[threadIdx.x] = p.levels.value[threadIdx.x];
  __syncthreads();
  const int warp = threadIdx.x / 32, group = threadIdx.x % 32 / 4, place = threadIdx.x % 4;
  const int64_t top = int64_t(blockIdx.x) * kNf4Outputs + group, bottom = top + 8;
  const bool has_x = group < p.rows;
  float sum[4] = {};
  const auto load = [&](int64_t k, int64_t output) {
    return load_run(p.codes, p.scales, output * p.inputs + k, k < p.inputs && output < p.outputs);
  };
  int64_t k = int64_t(warp) * kNf4Chunk + place * 32;
  Nf4Run upper = load(k, top), lower = load(k, bottom);
  for (; k - place * 32 < p.inputs; k += kNf4Warps * kNf4Chunk) {
    const Nf4Run upper_next = load(k + kNf4Warps * kNf4Chunk, top),
                 lower_next = load(k + kNf4Warps * kNf4Chunk, bottom);
    const uint32_t above[4] = {upper.codes.x, upper.codes.y, upper.codes.z, upper.codes.w},
                   below[4] = {lower.codes.x, lower.codes.y, lower.codes.z, lower.codes.w};
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      uint4 x = make_uint4(0, 0, 0, 0);
      if (has_x && k < p.inputs) x = load_eight(p.x + group * p.x_stride + k + 8 * w, p.aligned);
      uint32_t weight[4];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        weight[0] = widened_pair(level, above[w], 4 * half, upper.absmax);
        weight[1] = widened_pair(level, below[w], 4 * half, lower.absmax);
        weight[2] = widened_pair(level, above[w], 4 * half + 2, upper.absmax);
        weight[3] = widened_pair(level, below[w], 4 * half + 2, lower.absmax);
        mma_m16n8k16(sum, weight, half == 0 ? x.x : x.z, half == 0 ? x.y : x.w);
      }
    }
    upper = upper_next, lower = lower_next;
  }
  float* const own = sums + warp * kNf4Outputs * kFewRows;  // (outputs, rows)
#pragma unroll
  for (int i = 0; i < 4; ++i) own[(group + i / 2 * 8) * kFewRows + 2 * place + i % 2] = sum[i];
#ifndef MUTANT_NF4_LINEAR_NO_BARRIER
  __syncthreads();
#endif
  const int output = threadIdx.x % kNf4Outputs, row = threadIdx.x / kNf4Outputs;
  const int64_t n = int64_t(blockIdx.x) * kNf4Outputs + output;
  if (row >= p.rows) return;
#ifndef MUTANT_NF4_LINEAR_WRITES_OUTSIDE
  if (n >= p.outputs) return;
#endif
  float total = 0;
#pragma unroll
  for (int w = 0; w < kNf4Warps; ++w) total += sums[(w * kNf4Outputs + output) * kFewRows + row];
  Y& y = p.y[row * p.y_stride + n];
  y = narrowed<Y>(p.alpha * total + (p.beta == 0 ? 0.0f : p.beta * widened(y)));
}

namespace {
int64_t blocks_for(int64_t threads) { return (threads + kNf4Threads - 1) / kNf4Threads; }
}  // namespace

void nf4_quantize(Stream& stream, QuantizedTensor& weight, int64_t first_element, const Tensor& values) {
  visit_stored(values.dtype(), [&]<class T>() {
    if constexpr (sizeof(T) <= sizeof(float)) {  // x.cpp lets no other pass
      const Nf4Piece<Native<T>> p{
          .codes = weight.codes.data<uint8_t>() + first_element / 2,
          .absmax = std::get<FloatScales>(weight.scales).absmax.data<float>() + first_element / kQuantizedBlock,
          .values = native(values.data<T>()),
          .count = values.elements(),
          .aligned = is_aligned(values.data<T>(), 16) && is_aligned(weight.codes.data<uint8_t>(), sizeof(uint32_t)),
          .thresholds = table_of<15>(nf4_thresholds())};
      // Whole blocks: the lanes of the last one are all there.
      const int64_t blocks = (p.count + kQuantizedBlock - 1) / kQuantizedBlock;
      launch(stream, nf4_quantize_kernel<Native<T>>, {blocks_for(blocks * kQuantizedBlock * int64_t(sizeof(T)) / 16)},
             {kNf4Threads}, 0, p);
    }
  });
}

void nf4_nest_scales(Stream& stream, NestedScales& scales, Tensor& sums, const Tensor& absmax) {
  const int64_t count = absmax.elements(), blocks = sums.elements();
  launch(stream, nf4_scale_sums_kernel, {blocks_for(blocks * 32)}, {kNf4Threads}, 0, sums.data<double>(),
         absmax.data<float>(), count);
  scales.offset = nested_offset(sums.to_host<double>(), count);
  launch(stream, nf4_nest_scales_kernel, {blocks}, {int(kNestedBlock)},
         shared_bytes<float>(256) + shared_bytes<float>(kNestedBlock / 32), scales.codes.data<uint8_t>(),
         scales.nested.data<float>(), absmax.data<float>(), count, scales.offset,
         table_of<256>(dynamic_tree(dynamic_bounds(dynamic_map()))));
}

void nf4_dequantize(Stream& stream, Tensor& rows, const QuantizedTensor& weight, int64_t first_row,
                    int64_t first_column) {
  visit_stored(rows.dtype(), [&]<class T>() {
    constexpr int kCount = 16 / sizeof(T);
    const Rows<Native<T>> to = native(rows.as_rows<T>());
    Nf4Window<Native<T>> p{.to = to.data,
                           .codes = weight.codes.data<uint8_t>(),
                           .scales = pointers(weight.scales),
                           .first = first_row * weight.width() + first_column,
                           .width = weight.width(),
                           .stride = to.stride,
                           .pieces = 0,
                           .row_pieces = 0,
                           .levels = table_of<16>(nf4_levels())};
    const bool vectors = rows_are_aligned(to.width, to.stride, to.data) && p.first % kCount == 0 &&
                         p.width % kCount == 0 && is_aligned(p.codes, sizeof(Nf4Codes<kCount>));
    p.row_pieces = uint32_t(to.width / (vectors ? kCount : 1));
    const int64_t most = INT32_MAX / std::max(p.row_pieces, 1u);  // rows a launch: pieces are counted in 32 bits
    for (int64_t row = 0; row < to.count; row += most) {
      p.pieces = uint32_t(std::min(most, to.count - row)) * p.row_pieces;
      launch(stream, vectors ? nf4_dequantize_kernel<Native<T>, kCount> : nf4_dequantize_kernel<Native<T>, 1>,
             {blocks_for((p.pieces + kNf4Pieces - 1) / kNf4Pieces)}, {kNf4Threads}, shared_bytes<float>(16), p);
      p.to += most * p.stride, p.first += most * p.width;
    }
  });
}

void nf4_linear(Stream& stream, Tensor& y, const Tensor& x, const QuantizedTensor& weight, double beta, double alpha) {
  visit_stored(y.dtype(), [&]<class T>() {
    if constexpr (sizeof(T) <= sizeof(float)) {  // x.cpp lets no other pass
      const Rows<Native<T>> to = native(y.as_rows<T>());
      const Rows<const __nv_bfloat16> from = native(x.as_rows<bfloat16>());
      const Nf4Product<Native<T>> p{.y = to.data,
                                    .x = from.data,
                                    .codes = weight.codes.data<uint8_t>(),
                                    .scales = pointers(weight.scales),
                                    .inputs = from.width,
                                    .outputs = to.width,
                                    .rows = from.count,
                                    .x_stride = from.stride,
                                    .y_stride = to.stride,
                                    .aligned = rows_are_aligned(from.width, from.stride, from.data),
                                    .alpha = float(alpha),
                                    .beta = float(beta),
                                    .levels = table_of<16>(nf4_levels())};
      require(is_aligned(p.codes, 16), "[nf4_linear] codes must lie at a multiple of 16 bytes");
      launch(stream, nf4_linear_kernel<Native<T>>, {(to.width + kNf4Outputs - 1) / kNf4Outputs}, {kNf4Threads},
             shared_bytes<float>(16) + shared_bytes<float>(kNf4Warps * kNf4Outputs * kFewRows), p);
    }
  });
}

}  // namespace hone::kernels::cuda
