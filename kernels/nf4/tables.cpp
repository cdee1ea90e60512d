// The constants of the format, by their bits, and what follows from them.
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/core/lanes.h"
#include "kernels/nf4/nf4.h"
#include "kernels/nf4/rule.h"

namespace hone::kernels {

namespace {
constexpr std::array<uint32_t, 16> kLevels{
    0xbf800000U, 0xbf3239b1U, 0xbf066b30U, 0xbeca32a0U, 0xbe91a24dU, 0xbe3d353fU, 0xbdba7871U, 0x00000000U,
    0x3da2faffU, 0x3e24cae3U, 0x3e7c04ddU, 0x3ead033aU, 0x3ee1a4b8U, 0x3f1007abU, 0x3f3913b3U, 0x3f800000U,
};
// As bitsandbytes 0.50.2 holds it: the formula alone does not give these bits (they depend on fused multiply-adds).
constexpr std::array<uint32_t, 256> kDynamicMap{
    0xbf7e3333U, 0xbf7a999aU, 0xbf770000U, 0xbf736666U, 0xbf6fcccdU, 0xbf6c3333U, 0xbf68999aU, 0xbf650000U, 0xbf616666U,
    0xbf5dcccdU, 0xbf5a3333U, 0xbf56999aU, 0xbf530000U, 0xbf4f6666U, 0xbf4bcccdU, 0xbf483333U, 0xbf44999aU, 0xbf410000U,
    0xbf3d6666U, 0xbf39cccdU, 0xbf363334U, 0xbf32999aU, 0xbf2f0000U, 0xbf2b6666U, 0xbf27cccdU, 0xbf243334U, 0xbf20999aU,
    0xbf1d0000U, 0xbf196666U, 0xbf15cccdU, 0xbf123334U, 0xbf0e999aU, 0xbf0b0000U, 0xbf076666U, 0xbf03ccccU, 0xbf003333U,
    0xbef93332U, 0xbef20000U, 0xbeeaccccU, 0xbee3999aU, 0xbedc6666U, 0xbed53333U, 0xbece0000U, 0xbec6ccccU, 0xbebf999aU,
    0xbeb86666U, 0xbeb13333U, 0xbeaa0000U, 0xbea2ccccU, 0xbe9b999aU, 0xbe946666U, 0xbe8d3334U, 0xbe860000U, 0xbe7d9999U,
    0xbe6f3333U, 0xbe60cccdU, 0xbe526666U, 0xbe440000U, 0xbe35999aU, 0xbe273333U, 0xbe18cccdU, 0xbe0a6666U, 0xbdf80000U,
    0xbddb3334U, 0xbdc9eb85U, 0xbdc428f7U, 0xbdbe6667U, 0xbdb8a3d7U, 0xbdb2e148U, 0xbdad1eb8U, 0xbda75c2aU, 0xbda1999aU,
    0xbd9bd70aU, 0xbd96147bU, 0xbd9051ebU, 0xbd8a8f5dU, 0xbd84cccdU, 0xbd7e147bU, 0xbd728f5dU, 0xbd670a3dU, 0xbd5b851fU,
    0xbd500000U, 0xbd447ae1U, 0xbd38f5c3U, 0xbd2d70a3U, 0xbd21eb85U, 0xbd166667U, 0xbd0ae148U, 0xbcfeb852U, 0xbce7ae15U,
    0xbcd0a3d7U, 0xbcb9999aU, 0xbca28f5dU, 0xbc8b851fU, 0xbc68f5c3U, 0xbc3ae148U, 0xbc1f3b64U, 0xbc160418U, 0xbc0ccccdU,
    0xbc039581U, 0xbbf4bc6aU, 0xbbe24dd3U, 0xbbcfdf3bU, 0xbbbd70a4U, 0xbbab020dU, 0xbb989374U, 0xbb8624ddU, 0xbb676c8aU,
    0xbb428f5cU, 0xbb1db22dU, 0xbaf1a9fcU, 0xbaa7ef9dU, 0xba7765ffU, 0xba59e83eU, 0xba3c6a80U, 0xba1eecc1U, 0xba016f01U,
    0xb9c7e283U, 0xb98ce705U, 0xb923d70bU, 0xb8ba1f4bU, 0xb88aefb3U, 0xb8378034U, 0xb7b24206U, 0xb70205ffU, 0xb65a1a94U,
    0xb513a3b7U, 0x00000000U, 0x3513a3b7U, 0x365a1a94U, 0x370205ffU, 0x37b24206U, 0x38378034U, 0x388aefb3U, 0x38ba1f4bU,
    0x3923d70bU, 0x398ce705U, 0x39c7e283U, 0x3a016f01U, 0x3a1eecc1U, 0x3a3c6a80U, 0x3a59e83eU, 0x3a7765ffU, 0x3aa7ef9dU,
    0x3af1a9fcU, 0x3b1db22dU, 0x3b428f5cU, 0x3b676c8aU, 0x3b8624ddU, 0x3b989374U, 0x3bab020dU, 0x3bbd70a4U, 0x3bcfdf3bU,
    0x3be24dd3U, 0x3bf4bc6aU, 0x3c039581U, 0x3c0ccccdU, 0x3c160418U, 0x3c1f3b64U, 0x3c3ae148U, 0x3c68f5c3U, 0x3c8b851fU,
    0x3ca28f5dU, 0x3cb9999aU, 0x3cd0a3d7U, 0x3ce7ae15U, 0x3cfeb852U, 0x3d0ae148U, 0x3d166667U, 0x3d21eb85U, 0x3d2d70a3U,
    0x3d38f5c3U, 0x3d447ae1U, 0x3d500000U, 0x3d5b851fU, 0x3d670a3dU, 0x3d728f5dU, 0x3d7e147bU, 0x3d84cccdU, 0x3d8a8f5dU,
    0x3d9051ebU, 0x3d96147bU, 0x3d9bd70aU, 0x3da1999aU, 0x3da75c2aU, 0x3dad1eb8U, 0x3db2e148U, 0x3db8a3d7U, 0x3dbe6667U,
    0x3dc428f7U, 0x3dc9eb85U, 0x3ddb3334U, 0x3df80000U, 0x3e0a6666U, 0x3e18cccdU, 0x3e273333U, 0x3e35999aU, 0x3e440000U,
    0x3e526666U, 0x3e60cccdU, 0x3e6f3333U, 0x3e7d9999U, 0x3e860000U, 0x3e8d3334U, 0x3e946666U, 0x3e9b999aU, 0x3ea2ccccU,
    0x3eaa0000U, 0x3eb13333U, 0x3eb86666U, 0x3ebf999aU, 0x3ec6ccccU, 0x3ece0000U, 0x3ed53333U, 0x3edc6666U, 0x3ee3999aU,
    0x3eeaccccU, 0x3ef20000U, 0x3ef93332U, 0x3f003333U, 0x3f03ccccU, 0x3f076666U, 0x3f0b0000U, 0x3f0e999aU, 0x3f123334U,
    0x3f15cccdU, 0x3f196666U, 0x3f1d0000U, 0x3f20999aU, 0x3f243334U, 0x3f27cccdU, 0x3f2b6666U, 0x3f2f0000U, 0x3f32999aU,
    0x3f363334U, 0x3f39cccdU, 0x3f3d6666U, 0x3f410000U, 0x3f44999aU, 0x3f483333U, 0x3f4bcccdU, 0x3f4f6666U, 0x3f530000U,
    0x3f56999aU, 0x3f5a3333U, 0x3f5dcccdU, 0x3f616666U, 0x3f650000U, 0x3f68999aU, 0x3f6c3333U, 0x3f6fcccdU, 0x3f736666U,
    0x3f770000U, 0x3f7a999aU, 0x3f7e3333U, 0x3f800000U,
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
std::span<const float, 256> dynamic_map() {
  static const std::array<float, 256> map = as_floats(kDynamicMap);
  return map;
}


std::span<const float, 15> nf4_thresholds() {
  static const std::array<float, 15> thresholds = [] {
    std::array<float, 15> middle{};
    for (size_t i = 0; i < middle.size(); ++i) middle[i] = (nf4_levels()[i] + nf4_levels()[i + 1]) / 2;
    return middle;
  }();
  return thresholds;
}

std::span<const float, 256> dynamic_bounds() {
  static const std::array<float, 256> bounds = [] {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const auto map = dynamic_map();
    std::array<float, 256> from{};
    from[0] = -kInfinity;
    for (size_t c = 1; c < from.size(); ++c) {
      const float middle = (map[c - 1] + map[c]) / 2;
      from[c] = c % 2 == 0 ? middle : std::nextafter(middle, kInfinity);
    }
    return from;
  }();
  return bounds;
}

float nested_offset(std::span<const double> sums, int64_t count) {
  const double sum = sum_of<double>(int64_t(sums.size()), [&](int64_t i) { return sums[size_t(i)]; });
  return count > 0 ? float(sum / double(count)) : 0.0f;
}

}  // namespace hone::kernels
