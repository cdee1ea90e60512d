#include <algorithm>
#include <array>
#include <cmath>

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

// Both levels of every byte, the high half first.
using Pairs = std::array<std::array<float, 2>, 256>;
Pairs level_pairs() {
  Pairs pairs{};
  const auto levels = nf4_levels();
  for (size_t byte = 0; byte < pairs.size(); ++byte) pairs[byte] = {levels[byte >> 4], levels[byte & 15]};
  return pairs;
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

void nf4_dequantize(Stream& stream, Tensor& rows, const QuantizedTensor& weight, int64_t first_row) {
  const Pairs pairs = level_pairs();
  const int64_t bytes = weight.codes.elements();
  visit_float(rows.dtype(), [&]<class T>() {
    const Rows<T> to = rows.as_rows<T>();
    const uint8_t* const codes = weight.codes.data<uint8_t>();
    stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
      std::array<std::array<float, 2>, kQuantizedBlock / 2> levels{};
      for (int64_t r = begin; r < end; ++r) {
        const int64_t start = (first_row + r) * to.width, stop = start + to.width;
        for (int64_t at = start; at < stop;) {  // a block may begin in one row and end in the next
          const int64_t block = at / kQuantizedBlock, first = block * kQuantizedBlock;
          const int64_t until = std::min(stop, first + kQuantizedBlock);
          const uint8_t* const code = codes + first / 2;
          const int64_t known = std::min(kQuantizedBlock / 2, bytes - first / 2);
          for (int64_t j = 0; j < known; ++j) levels[size_t(j)] = pairs[code[j]];
          const float absmax = absmax_of(weight.scales, block);
          const float* const level = levels.front().data() + (at - first);
          T* const out = to[r] + (at - start);
          for (int64_t i = 0; i < until - at; ++i) out[i] = T(level[i] * absmax);
          at = until;
        }
      }
    });
  });
}

}  // namespace hone::kernels::cpu
