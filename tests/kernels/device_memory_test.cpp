// Memory of every device: what goes there and comes back, what is refused, what is counted.
#include <numeric>

#include "kernels/core/cuda/device.h"
#include "kernels/elementwise/elementwise.h"
#include "tests/support/devices.h"

namespace hone::test {
namespace {

class DeviceMemory : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, DeviceMemory, each_device(), device_name);

// More than the page-locked memory that it goes through, and not a multiple of anything; the host's copy is free to
// change at once.
TEST_P(DeviceMemory, HoldsWhatWasWritten) {
  for (const int64_t count : {1, 4099, 9'000'001}) {
    std::vector<int32_t> values(static_cast<size_t>(count));
    std::iota(values.begin(), values.end(), 7);
    const Tensor first = Tensor::from(stream(), {count}, values);
    std::ranges::fill(values, -1);
    const Tensor second = Tensor::from(stream(), {count}, values);
    EXPECT_EQ(second.to_host<int32_t>(), values);
    std::iota(values.begin(), values.end(), 7);
    EXPECT_EQ(first.to_host<int32_t>(), values);
  }
}

TEST_P(DeviceMemory, ViewsComeBackRowByRow) {
  const Tensor all = Tensor::from(stream(), {3, 4}, std::vector<int32_t>{0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23});
  EXPECT_EQ(all.columns(1, 3).to_host<int32_t>(), (std::vector<int32_t>{1, 2, 11, 12, 21, 22}));
  EXPECT_EQ(all.row_range(1, 2).to_host<int32_t>(), (std::vector<int32_t>{10, 11, 12, 13}));
}

TEST_P(DeviceMemory, IsCountedAndGivenBack) {
  const size_t before = stream().allocator()->usage().live;
  {
    const Tensor a(stream(), {1000}, DType::float32);
    EXPECT_EQ(stream().allocator()->usage().live, before + Allocator::rounded(4000));
  }
  EXPECT_EQ(stream().allocator()->usage().live, before);
}

TEST_P(DeviceMemory, TooMuchIsRefusedAndNothingIsLost) {
  const Tensor before = Tensor::from(stream(), {2}, std::vector<int32_t>{1, 2});
  try {
    const Tensor much(stream(), {int64_t(1) << 40}, DType::float32);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::memory);
    const std::string_view said = error.what();
    EXPECT_TRUE(said.starts_with(on_cuda() ? "[memory] cuda:0 (" : "[memory] the host")) << said;
    EXPECT_NE(said.find("4.0 TiB left"), said.npos) << said;
  }
  EXPECT_EQ(before.to_host<int32_t>(), (std::vector<int32_t>{1, 2}));
}

TEST_P(DeviceMemory, TheHostsIsReadInPlaceWhereTheDeviceCan) {
  const std::vector<uint8_t> values{1, 2, 3};
  if (!stream().reads_host_memory()) {
    EXPECT_THROW(Tensor::borrowed(stream(), std::span(values)), Error);
    return;
  }
  const Tensor borrowed = Tensor::borrowed(stream(), std::span(values));
  EXPECT_EQ(borrowed.data<uint8_t>(), values.data());
  EXPECT_EQ(borrowed.elements(), 3);
  EXPECT_EQ(stream().allocator()->usage().live, 0u);
}

TEST(CudaDevices, AreListedOrTheReasonIsGiven) {
  const std::vector<CudaDevice> devices = hone::cuda_devices();
  EXPECT_EQ(devices.empty(), !why_no_cuda().empty());
  for (const CudaDevice& device : devices) {
    EXPECT_FALSE(device.name.empty());
    const CudaBudget budget = cuda_memory_budget(device);
    EXPECT_GT(budget.bytes, 0u);
    EXPECT_LE(budget.bytes + budget.reserve, device.unified ? SIZE_MAX : device.memory);
  }
}

}  // namespace
}  // namespace hone::test
