// Which function a stream's device gets; what an op without CUDA kernels, and a build without CUDA, say.
#include "kernels/core/dispatch.h"

#include "tests/support/devices.h"

namespace hone::test {

namespace cpu {
void halve(Stream&, int& value) { value /= 2; }
}  // namespace cpu
namespace cuda {
decltype(cpu::halve) halve;  // never defined: no dispatch_test_cuda.cu
}

namespace {

class Dispatch : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, Dispatch, each_device(), device_name);

TEST_P(Dispatch, RunsTheDevicesFunctionOrSaysThatThereIsNone) {
  int value = 8;
  if (!on_cuda()) {
    run_on<&cpu::halve, &cuda::halve>(stream(), value);
    EXPECT_EQ(value, 4);
    return;
  }
  try {
    run_on<&cpu::halve, &cuda::halve>(stream(), value);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[halve] has no CUDA kernel in this build; run it on the CPU");
    EXPECT_EQ(error.code(), ExitCode::gpu);
  }
}

TEST(Dispatch, MetaComputesNothing) {
  Stream stream = Stream::meta(DeviceType::cuda);
  int value = 8;
  run_on<&cpu::halve, &cuda::halve>(stream, value);
  EXPECT_EQ(value, 8);
}

TEST(Dispatch, OpsHaveTheirFunctionsNames) { EXPECT_EQ(op_name<&cpu::halve>(), "halve"); }

TEST(Stream, CudaDevicesThatAreNotThereAreNamed) {
  try {
    Stream::cuda(1000);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::gpu);
    EXPECT_EQ(std::string_view(error.what()).substr(0, 7), "[cuda] ");
  }
}

}  // namespace
}  // namespace hone::test
