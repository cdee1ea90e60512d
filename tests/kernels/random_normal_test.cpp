// Normal numbers one at a time in double, their statistics, and that pieces are parts of a whole.
#include "kernels/random_normal/random_normal.h"

#include <cmath>
#include <numbers>

#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class RandomNormal : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, RandomNormal, each_device(), device_name);

const RandomKey kKey = RandomKey{.seed = 0x123456789ABCDEF0, .step = 5, .micro = 6}.at(7, 8);

// Number i of the stream by the formula: 23 bits of one number, 24 of the next.
double normal_number(int64_t i) {
  const auto drawn = random_block(kKey, uint32_t(i / 4));
  const size_t pair = size_t(i % 4 / 2) * 2;
  const double u = (double(drawn[pair] >> 9) + 0.5) / double(1 << 23),
               angle = std::numbers::pi * double(int32_t(drawn[pair + 1]) >> 8) / double(1 << 23);
  return std::sqrt(-2 * std::log(u)) * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

TEST_P(RandomNormal, AreAFunctionOfKeyAndPlace) {
  for (const int64_t count : {1, 2, 3, 4, 5, 127, 1024, 4099})
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
      for (const int64_t first : {0, 4, 1 << 20}) {
        SCOPED_TRACE(joined(count, " of ", dtype, " from ", first));
        Values expected;
        for (int64_t i = 0; i < count; ++i) expected.push_back(0.5 * normal_number(first + i));
        const Values made = on_device(stream(), [&](Stream& on) {
          Framed y(on, {count}, dtype);
          kernels::random_normal(on, *y, 0.5, kKey, first);
          EXPECT_TRUE(y.intact());
          return y.values();
        });
        // Numbers of few elements are held against deviations, not against their largest.
        Values with_one = made;
        with_one.push_back(1), expected.push_back(1);
        EXPECT_LT(relative_error(with_one, expected), dtype == DType::bfloat16 ? kBfloat16 : kFloat32);
      }
}

TEST_P(RandomNormal, FollowOnInPieces) {
  Tensor whole(stream(), {3, 1000}, DType::bfloat16), parts(stream(), {3000}, DType::bfloat16);
  kernels::random_normal(stream(), whole, 0.02, kKey);
  for (int64_t at = 0; at < 3000; at += 1200) {
    Tensor part = parts.flat_range(at, {std::min<int64_t>(1200, 3000 - at)});
    kernels::random_normal(stream(), part, 0.02, kKey, at);
  }
  EXPECT_EQ(values_of(whole), values_of(parts));
  Tensor odd = parts.flat_range(1, {2000});  // no vector can be stored there
  kernels::random_normal(stream(), odd, 0.02, kKey);
  const Values all = values_of(whole);
  EXPECT_EQ(values_of(odd), Values(all.begin(), all.begin() + 2000));
}

TEST_P(RandomNormal, HaveTheStatisticsOfNormalNumbers) {
  constexpr int64_t kCount = 40000;
  Tensor y(stream(), {kCount}, DType::float32);
  kernels::random_normal(stream(), y, 1, kKey);
  const Values n = values_of(y);
  double mean = 0, square = 0, fourth = 0, next = 0, within = 0;
  for (size_t i = 0; i < n.size(); ++i) {
    mean += n[i], square += n[i] * n[i], fourth += std::pow(n[i], 4), within += std::abs(n[i]) < 1;
    if (i + 1 < n.size()) next += n[i] * n[i + 1];
  }
  const double root = std::sqrt(double(kCount));  // four standard deviations each
  EXPECT_NEAR(mean / kCount, 0, 4 / root);
  EXPECT_NEAR(square / kCount, 1, 4 * std::sqrt(2.0) / root);
  EXPECT_NEAR(fourth / kCount, 3, 4 * std::sqrt(96.0) / root);
  EXPECT_NEAR(next / kCount, 0, 4 / root);
  EXPECT_NEAR(within / kCount, 0.682689, 4 * 0.4654 / root);
}

TEST(RandomNormalArguments, AreChecked) {
  Stream stream = Stream::cpu();
  Tensor y(stream, {4, 8}, DType::float32), columns = y.columns(0, 4);
  EXPECT_THROW(kernels::random_normal(stream, y, 1, kKey, 2), Error);
  EXPECT_THROW(kernels::random_normal(stream, y, 1, kKey, int64_t(4) << 32), Error);
  EXPECT_THROW(kernels::random_normal(stream, columns, 1, kKey), Error);
}

}  // namespace
}  // namespace hone::test
