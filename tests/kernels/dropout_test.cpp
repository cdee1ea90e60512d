// Dropout: Philox's published numbers, the mask one number at a time on each device, its statistics.
#include "kernels/dropout/dropout.h"

#include <cmath>

#include "kernels/elementwise/elementwise.h"
#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class Dropout : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, Dropout, each_device(), device_name);

TEST(Philox, EqualsThePublishedVectors) {  // Random123's kat_vectors, philox4x32 10
  using Four = std::array<uint32_t, 4>;
  const auto drawn = [](Philox p) {
    draw(p);
    return std::to_array(p.counter);
  };
  EXPECT_EQ(drawn({{0, 0, 0, 0}, {0, 0}}), (Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(drawn({{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}}), (Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(drawn({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}}),
            (Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Element e is dropped where number e % 4 of block e / 4 lies under p * 2^32, whatever the row strides are.
TEST_P(Dropout, MaskIsAFunctionOfKeyAndElement) {
  const RandomKey key = RandomKey{.seed = 0x123456789ABCDEF0, .step = 5, .micro = 6}.at(7, 8);
  for (const Shape& shape : {Shape{1, 1}, {5, 31}, {3, 64}, {33, 63}, {2, 4099}, {40, 65}, {9, 4}, {3, 264}, {2, 2056}})
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
      for (const double p : {0.0, 0.3, 0.95}) {
        SCOPED_TRACE(joined(shape, ", ", dtype, ", p ", p));
        const Values x = rounded_to(dtype, random_values(shape.elements(), 1));
        Values expected(x.size());
        for (size_t e = 0; e < x.size(); ++e) {
          const bool kept = random_block(key, uint32_t(e / 4))[e % 4] >= p * 4294967296.0;
          expected[e] = kept ? x[e] / (1 - p) : 0;
        }
        // Rows that follow each other; apart and not aligned; apart and aligned; in place.
        const auto dropped = [&](int64_t pad, bool in_place) {
          return [&, pad, in_place](Stream& on) {
            Framed in(on, shape, dtype, pad, x), y(on, shape, dtype, 2 * pad);
            kernels::dropout(on, in_place ? *in : *y, *in, p, key);
            EXPECT_TRUE(in.intact() && y.intact());
            return in_place ? in.values() : y.values();
          };
        };
        const Values contiguous = on_device(stream(), dropped(0, false));
        EXPECT_LT(relative_error(contiguous, expected), tolerance_of(dtype));
        for (size_t e = 0; e < x.size(); ++e) ASSERT_EQ(contiguous[e] == 0, expected[e] == 0);
        EXPECT_EQ(contiguous, on_threads(dropped(0, false))) << "not the CPU's bits";
        for (const int64_t pad : {3, 8}) EXPECT_EQ(on_device(stream(), dropped(pad, pad == 3)), contiguous);
      }
}

TEST_P(Dropout, StatisticsOfTheMask) {
  constexpr int64_t kRows = 300, kWidth = 400, kCount = kRows * kWidth;
  Tensor ones(stream(), {kRows, kWidth}, DType::float64), y(stream(), {kRows, kWidth}, DType::float64);
  kernels::fill(stream(), ones, 1);
  for (const double p : {0.05, 0.25, 0.5}) {
    kernels::dropout(stream(), y, ones, p, {.seed = 1, .step = 2, .micro = 3});
    const Values mask = values_of(y);
    double kept = 0, next = 0, below = 0;
    for (int64_t i = 0; i < kCount; ++i) {
      EXPECT_TRUE(mask[i] == 0 || std::abs(mask[i] * (1 - p) - 1) < 1e-15);
      kept += mask[i] > 0;
      if (i + 1 < kCount) next += mask[i] > 0 && mask[i + 1] > 0;
      if (i + kWidth < kCount) below += mask[i] > 0 && mask[i + kWidth] > 0;
    }
    // Four standard deviations; neighbours in a row and in a column are kept together as often as chance has it.
    const double q = 1 - p, both = q * q, sigma = std::sqrt(p * q / kCount),
                 pairs = 2 * std::sqrt(both * (1 - both) / kCount);
    EXPECT_NEAR(kept / kCount, q, 4 * sigma);
    EXPECT_NEAR(next / kCount, both, 4 * pairs);
    EXPECT_NEAR(below / kCount, both, 4 * pairs);
  }
}

TEST_P(Dropout, EveryPartOfTheKeyGivesAnotherMask) {
  Tensor ones(stream(), {16, 63}, DType::float32), y(stream(), {16, 63}, DType::float32);
  kernels::fill(stream(), ones, 1);
  const auto mask = [&](const RandomKey& key) {
    kernels::dropout(stream(), y, ones, 0.25, key);
    return values_of(y);
  };
  const RandomKey key{.seed = 1, .step = 2, .micro = 3, .layer = 4, .purpose = 5};
  EXPECT_EQ(mask(key), mask(key));
  for (const RandomKey& other : {RandomKey{2, 2, 3, 4, 5},
                                 {uint64_t(1) << 40, 2, 3, 4, 5},
                                 {1, 3, 3, 4, 5},
                                 {1, 2, 4, 4, 5},
                                 {1, 2, 3, 5, 5},
                                 {1, 2, 3, 4, 6}})
    EXPECT_NE(mask(key), mask(other));
}

TEST_P(Dropout, RefusesProbabilitiesOutside) {
  Tensor x(stream(), {2, 2}, DType::float32);
  for (const double p : {-0.1, 1.0, double(NAN)}) EXPECT_THROW(kernels::dropout(stream(), x, x, p, {}), Error) << p;
}

}  // namespace
}  // namespace hone::test
