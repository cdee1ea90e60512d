// One test body on every device: cpu always, cuda where the build has it. In the emulated build
// (tests/support/cuda_on_cpu) cuda comes in several orders of threads and arrivals of copies.
//   class Swiglu : public OnEachDevice {};
//   INSTANTIATE_TEST_SUITE_P(On, Swiglu, each_device(), device_name);
//   TEST_P(Swiglu, IsTheFormula) { Tensor y(stream(), …); … }        // On/Swiglu.IsTheFormula/cpu, …/cuda
// Without a GPU the cuda tests of a real CUDA build are skipped with the reason; HONE_REQUIRE_CUDA=1 turns that into a
// failure. An op whose CUDA kernels are not written yet takes only_cpu() in the place of each_device().
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernels/core/stream.h"

#ifndef HONE_HAS_CUDA
#define HONE_HAS_CUDA 0
#endif

namespace hone::test {

inline constexpr bool kHasCuda = HONE_HAS_CUDA;

struct TestDevice {
  std::string name;
  DeviceType type = DeviceType::cpu;
  std::function<void()> prepare = [] {};  // called before the test's stream is made
};

inline void PrintTo(const TestDevice& device, std::ostream* out) { *out << device.name; }

class OnEachDevice : public testing::TestWithParam<TestDevice> {
 protected:
  void SetUp() override;
  Stream& stream() { return *stream_; }
  bool on_cuda() const { return GetParam().type == DeviceType::cuda; }

 private:
  std::optional<Stream> stream_;
};

testing::internal::ParamGenerator<TestDevice> each_device();
testing::internal::ParamGenerator<TestDevice> only_cpu();
inline std::string device_name(const testing::TestParamInfo<TestDevice>& info) { return info.param.name; }

// The ways in which the tests run cuda; none in a build without it. cuda_devices.cpp, or that of cuda_on_cpu.
std::vector<TestDevice> cuda_devices();

}  // namespace hone::test
