// The constants of the format, by their bits, and what follows from them.
#include <array>
#include <bit>
#include <cstdint>

#include "kernels/core/lanes.h"
#include "kernels/nf4/nf4.h"
#include "kernels/nf4/rule.h"

namespace hone::kernels {

namespace {
constexpr std::array<uint32_t, 16> kLevels{
    0xbf800000U, 0xbf3239b1U, 0xbf066b30U, 0xbeca32a0U, 0xbe91a24dU, 0xbe3d353fU, 0xbdba7871U, 0x00000000U,
    0x3da2faffU, 0x3e24cae3U, 0x3e7c04ddU, 0x3ead033aU, 0x3ee1a4b8U, 0x3f1007abU, 0x3f3913b3U, 0x3f800000U,
};
template <size_t n>
std::array<float, n> as_floats(const std::array<uint32_t, n>& bits) {
  std::array<float, n> values{};
  for (size_t i = 0; i < n; ++i) values[i] = std::bit_cast<float>(bits[i]);
  return values;
}
}  // namespace

std::span<const float, 16> nf4_levels() {
  static const std::array<float, 16> levels = as_floats(kLevels);
  return levels;
}
std::span<const float, 15> nf4_thresholds() {
  static const std::array<float, 15> thresholds = [] {
    std::array<float, 15> middle{};
    for (size_t i = 0; i < middle.size(); ++i) middle[i] = (nf4_levels()[i] + nf4_levels()[i + 1]) / 2;
    return middle;
  }();
  return thresholds;
}

float nested_offset(std::span<const double> sums, int64_t count) {
  const double sum = sum_of<double>(int64_t(sums.size()), [&](int64_t i) { return sums[size_t(i)]; });
  return count > 0 ? float(sum / double(count)) : 0.0f;
}

}  // namespace hone::kernels
