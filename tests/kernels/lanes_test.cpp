// The exponential beside the library's in a wider type; sums and maxima at lengths around the number of lanes.
#include "kernels/core/lanes.h"

#include <cmath>

#include "tests/support/framed.h"

namespace hone::test {
namespace {

TEST(Lanes, ExponentialIsWithinTwoRoundings) {
  for (double x = -87.3; x < 88.7; x += 1.37e-3)
    ASSERT_NEAR(double(kernels::exp_of(float(x))) / std::exp(double(float(x))), 1, 1.2e-7) << x;
  for (double x = -708.3; x < 709.7; x += 1.37e-2)
    ASSERT_NEAR(double(kernels::exp_of(x) / std::exp((long double)(x))), 1, 2.5e-16) << x;
}

template <class T>
void limits() {
  EXPECT_EQ(kernels::exp_of(T(0)), T(1));
  EXPECT_EQ(kernels::exp_of(-std::numeric_limits<T>::infinity()), T(0));
  EXPECT_EQ(kernels::exp_of(T(-1e4)), T(0));
  EXPECT_EQ(kernels::exp_of(std::numeric_limits<T>::infinity()), std::numeric_limits<T>::infinity());
  EXPECT_EQ(kernels::exp_of(T(1e4)), std::numeric_limits<T>::infinity());
  EXPECT_TRUE(std::isnan(kernels::exp_of(std::numeric_limits<T>::quiet_NaN())));
}
TEST(Lanes, ExponentialAtItsLimits) {
  limits<float>();
  limits<double>();
}

TEST(Lanes, SumsAndMaximaOfEveryLength) {
  const Values x = random_values(100, 1);
  for (int64_t n = 0; n <= 100; ++n) {
    double sum = 0, largest = -5;
    for (int64_t i = 0; i < n; ++i) sum += x[i], largest = std::max(largest, x[i]);
    EXPECT_NEAR(kernels::sum_of<double>(n, [&](int64_t i) { return x[i]; }), sum, 1e-13) << n;
    EXPECT_EQ(kernels::largest_of(n, -5.0, [&](int64_t i) { return x[i]; }), largest) << n;
  }
}

}  // namespace
}  // namespace hone::test
