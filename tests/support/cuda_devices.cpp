#include "tests/support/devices.h"

namespace hone::test {

std::vector<TestDevice> cuda_devices() {
  if (!kHasCuda) return {};
  return {{"cuda", DeviceType::cuda}};
}

}  // namespace hone::test
