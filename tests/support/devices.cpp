#include "tests/support/devices.h"

#include <cstdlib>

#include "kernels/host/error.h"

namespace hone::test {

void OnEachDevice::SetUp() {
  GetParam().prepare();
  if (!on_cuda()) {
    stream_.emplace(Stream::cpu(2));
    return;
  }
  try {
    stream_.emplace(Stream::cuda());
  } catch (const Error& error) {
    const char* const required = std::getenv("HONE_REQUIRE_CUDA");
    if (required && required[0] == '1') FAIL() << "HONE_REQUIRE_CUDA=1, and " << error.what();
    GTEST_SKIP() << error.what();
  }
}

testing::internal::ParamGenerator<TestDevice> only_cpu() { return testing::Values(TestDevice{"cpu", DeviceType::cpu}); }
testing::internal::ParamGenerator<TestDevice> each_device() {
  std::vector<TestDevice> devices{{"cpu", DeviceType::cpu}};
  for (TestDevice& device : cuda_devices()) devices.push_back(std::move(device));
  return testing::ValuesIn(devices);
}

}  // namespace hone::test
