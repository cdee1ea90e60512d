// Each function of ptx.cuh alone, and the reductions: products beside sums in double, layouts beside index arithmetic.
// On a GPU this checks the instructions, in the emulated build their twins.
#include "tests/kernels/core/ptx.h"

#include <cmath>

#include "tests/support/devices.h"
#include "tests/support/gradcheck.h"
#include "tests/support/tolerances.h"

namespace hone::test {
namespace {

class Ptx : public OnEachDevice {
 protected:
  template <class T>
  Tensor device(const std::vector<T>& values) {
    return Tensor::from(stream(), {int64_t(values.size())}, values);
  }
};
INSTANTIATE_TEST_SUITE_P(On, Ptx, testing::ValuesIn(cuda_devices()), device_name);

std::vector<double> uniform(int64_t count, uint64_t seed) {
  Stream stream = Stream::cpu();
  return random_tensor(stream, {count}, seed).to_host<double>();
}
std::vector<int32_t> counted(int count) {
  std::vector<int32_t> values(count);
  for (int i = 0; i < count; ++i) values[i] = i * 7 + 3;
  return values;
}
// start + a (16, k) b (k, 8)
template <class T>
std::vector<double> product(const std::vector<T>& a, const std::vector<T>& b, int k, double start) {
  std::vector<double> d(16 * 8, start);
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j)
      for (int p = 0; p < k; ++p) d[i * 8 + j] += double(a[i * k + p]) * double(b[p * 8 + j]);
  return d;
}

TEST_P(Ptx, MmaOfBfloat16IsTheProduct) {
  std::vector<bfloat16> a, b;
  for (const double v : uniform(16 * 16, 1)) a.emplace_back(float(v));
  for (const double v : uniform(16 * 8, 2)) b.emplace_back(float(v));
  Tensor d = device(std::vector<float>(128, 0.5f));
  run_mma_bf16(stream(), d, device(a), device(b));
  EXPECT_LT(relative_error(d.to_host<float>(), product(a, b, 16, 0.5)), kFloat32);
}

TEST_P(Ptx, MmaOfTf32IsTheProductOfWhatItKeeps) {
  std::vector<float> a, b;
  for (const double v : uniform(16 * 8, 3)) a.push_back(float(v));
  for (const double v : uniform(8 * 8, 4)) b.push_back(float(v));
  const auto kept = [](std::vector<float> values) {  // ten bits of the fraction
    for (float& v : values) v = std::bit_cast<float>(std::bit_cast<uint32_t>(v) & 0xffffe000u);
    return values;
  };
  Tensor d = device(std::vector<float>(128, 0.5f));
  run_mma_tf32(stream(), d, device(a), device(b));
  EXPECT_LT(relative_error(d.to_host<float>(), product(kept(a), kept(b), 8, 0.5)), kFloat32);
}

TEST_P(Ptx, LdmatrixGivesEachLaneItsTwoElementsOfEachMatrix) {
  const std::vector<int32_t> values = counted(256);
  for (const bool transposed : {false, true}) {
    Tensor out(stream(), {128}, DType::int32);
    run_ldmatrix(stream(), out, device(values), transposed);
    const std::vector<int32_t> got = out.to_host<int32_t>();
    for (int lane = 0; lane < 32; ++lane)
      for (int m = 0; m < 4; ++m)
        for (int half = 0; half < 2; ++half) {
          int row = lane / 4, column = lane % 4 * 2 + half;
          if (transposed) std::swap(row, column);
          EXPECT_EQ(uint32_t(got[lane * 4 + m]) >> (16 * half) & 0xffff, uint32_t(values[m * 64 + row * 8 + column]))
              << "lane " << lane << ", matrix " << m << ", half " << half << ", transposed " << transposed;
        }
  }
}

TEST_P(Ptx, CopyAsyncArrivesAndLandsZerosWhereNotValid) {
  const std::vector<int32_t> values = counted(128);
  Tensor out(stream(), {128}, DType::int32);
  run_copy_async(stream(), out, device(values));
  const std::vector<int32_t> got = out.to_host<int32_t>();
  for (int i = 0; i < 128; ++i) EXPECT_EQ(got[i], i / 4 % 3 == 2 ? 0 : values[i]) << i;
}

TEST_P(Ptx, PackRoundsToNearestEven) {
  std::vector<float> values{0.0f, -0.0f, 1.0f, 1.00390625f, 1.01171875f, 1e-40f, 3.4e38f, -INFINITY};  // two ties
  for (const double v : uniform(56, 5)) values.push_back(float(v * 1000));
  Tensor out(stream(), {32}, DType::int32);
  run_pack_bf16(stream(), out, device(values));
  const std::vector<int32_t> got = out.to_host<int32_t>();
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(uint32_t(got[i]) & 0xffff, bfloat16(values[2 * i]).bits) << values[2 * i];
    EXPECT_EQ(uint32_t(got[i]) >> 16, bfloat16(values[2 * i + 1]).bits) << values[2 * i + 1];
  }
}

TEST_P(Ptx, Exp2) {
  std::vector<float> values;
  for (const double v : uniform(32, 6)) values.push_back(float(v * 20));
  Tensor out(stream(), {32}, DType::float32);
  run_exp2(stream(), out, device(values));
  const std::vector<float> got = out.to_host<float>();
  for (int i = 0; i < 32; ++i) EXPECT_NEAR(got[i] / std::exp2(double(values[i])), 1, kFloat32) << values[i];
}

TEST_P(Ptx, StreamingLoadsAndStores) {
  const std::vector<int32_t> values = counted(128);
  Tensor out(stream(), {128}, DType::int32);
  run_streaming_copy(stream(), out, device(values));
  EXPECT_EQ(out.to_host<int32_t>(), values);
}

TEST_P(Ptx, BlockSumReachesEveryThread) {
  std::vector<float> values(256);
  for (int i = 0; i < 256; ++i) values[i] = float(i - 100);
  Tensor out(stream(), {256}, DType::float32);
  run_block_sum(stream(), out, device(values));
  EXPECT_EQ(out.to_host<float>(), std::vector<float>(256, 256 * 7040.0f));  // whole numbers: exact
}

}  // namespace
}  // namespace hone::test
