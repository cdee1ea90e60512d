#include <algorithm>
#include <array>
#include <cmath>

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

// Number of thresholds strictly below x. NaN (0 times the infinite reciprocal of an all-zero block) counts none: code
// 0.
uint8_t code_of(float x, const std::array<float, 15>& middle) {
  uint8_t code = 0;
  for (const float threshold : middle) code += x > threshold;
  return code;
}

float absmax_of(const Scales& scales, int64_t block) {
  if (const auto* plain = std::get_if<FloatScales>(&scales)) return plain->absmax.data<float>()[block];
  const auto& s = std::get<NestedScales>(scales);
  const float product =
      s.map.data<float>()[s.codes.data<uint8_t>()[block]] * s.nested.data<float>()[block / kNestedBlock];
  return product + s.offset;  // rounded twice: no fused multiply-add
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
      float largest = 0;
      for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(from[at + i]));
      absmax[block] = largest;
      const float inverse = 1.0f / largest;
      std::array<uint8_t, kQuantizedBlock> code;
      for (int64_t i = 0; i < n; ++i) code[size_t(i)] = code_of(from[at + i] * inverse, middle);
      if (n % 2 == 1) code[size_t(n)] = code_of(0.0f * inverse, middle);
      for (int64_t i = 0; i < n; i += 2) codes[(at + i) / 2] = uint8_t(code[size_t(i)] << 4 | code[size_t(i) + 1]);
    }
  });
}

// The rule of bitsandbytes' dQuantize: binary search in the sorted map, then the nearer of the two neighbours. Serial:
// one scale for 64 weights, once a load, and the mean needs one order.
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
      const float x = largest == 0 ? 0.0f : (from[i] - scales.offset) * inverse;
      const auto above = std::lower_bound(map.begin(), map.end(), x);
      int64_t code = std::min<int64_t>(above - map.begin(), 255);
      if (code > 0 && x < (map[size_t(code) - 1] + map[size_t(code)]) / 2) --code;
      scales.codes.data<uint8_t>()[i] = uint8_t(code);
    }
  }
}

void nf4_dequantize(Stream& stream, Tensor& rows, const QuantizedTensor& weight, int64_t first_row) {
  const auto levels = nf4_levels();
  visit_float(rows.dtype(), [&]<class T>() {
    const Rows<T> to = rows.as_rows<T>();
    const uint8_t* const codes = weight.codes.data<uint8_t>();
    stream.parallel(to.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t start = (first_row + r) * to.width, stop = start + to.width;
        for (int64_t at = start; at < stop;) {  // a block may begin in one row and end in the next
          const int64_t block = at / kQuantizedBlock, until = std::min(stop, (block + 1) * kQuantizedBlock);
          const float absmax = absmax_of(weight.scales, block);
          for (; at < until; ++at) {
            const uint8_t byte = codes[at / 2];
            to[r][at - start] = T(levels[at % 2 == 0 ? byte >> 4 : byte & 15] * absmax);
          }
        }
      }
    });
  });
}

}  // namespace hone::kernels::cpu
