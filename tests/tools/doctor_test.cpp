// `hone doctor` from outside.
#include <gtest/gtest.h>

#include "kernels/core/cuda/device.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

TEST(DoctorCommand, SaysWhatItSees) {
  const Outcome screen = run_hone({"doctor", "--seconds", "0.01"});
  EXPECT_EQ(screen.exit_code, 0) << screen.err;
  EXPECT_EQ(screen.err, "");  // no terminal
  for (const char* words : {"processor", "its rates", "memory", "GPU", "disk", "\nnext "})
    EXPECT_NE(screen.out.find(words), std::string::npos) << words << screen.out;
  const Outcome quick = run_hone({"doctor", "--seconds", "0"});
  EXPECT_EQ(quick.out.find("its rates"), std::string::npos) << quick.out;
  EXPECT_EQ(run_hone({"doctor", "--seconds", "-1"}).exit_code, 2);
  EXPECT_EQ(run_hone({"doctor", "--seconds", "61"}).exit_code, 2);
}

TEST(DoctorCommand, TellsPrograms) {
  const Json json = parse_json(run_hone({"doctor", "--seconds", "0.01", "--json"}).out, "doctor");
  for (const char* key : {"hone", "processor", "memory", "gpus", "no_gpu", "cuda", "libraries", "disk", "checks"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_GT(json.at("processor").at("bfloat16_flops_per_second").get<double>(), 0);
  EXPECT_EQ(json.at("gpus").size(), hone::cuda_devices().size());
}

TEST(DoctorCommand, AMissingGpuIsAnErrorOnlyWhereOneIsRequired) {
  const Outcome required = run_hone({"doctor", "--seconds", "0", "--require-gpu"});
  if (!hone::cuda_devices().empty()) {
    EXPECT_EQ(required.exit_code, 0) << required.err;
    return;
  }
  EXPECT_EQ(required.exit_code, 6);
  EXPECT_EQ(required.err, "hone: no GPU can be used: " + why_no_cuda() + "\n");
  EXPECT_NE(required.out.find("missing  GPU"), std::string::npos) << "what was seen is said all the same";
}

}  // namespace
}  // namespace hone::test
