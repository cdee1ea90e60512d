// What a run tells about itself may fail to be written: its result is whole, and it says so.
#include <gtest/gtest.h>

#include "kernels/host/json.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

TEST(Report, ThatCannotBeWrittenChangesNothingInTheResult) {
  const TinyRun tiny;
  ASSERT_EQ(run_hone(tiny.train("whole")).exit_code, 0);
  tiny.folder().write("run/report.html/in-the-way", "");
  tiny.folder().write("run/events.jsonl/in-the-way", "");
  tiny.folder().write("run/tensorboard", "a file where a folder should be");
  const Outcome outcome = run_hone(tiny.train("run"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("note     report.html was not written, the result is whole: "), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("the run goes on without it"), std::string::npos) << outcome.out;
  const char* const adapter = "adapter/adapter_model.safetensors";
  EXPECT_GT(contents(tiny / "whole" / adapter).size(), 1000u);
  EXPECT_EQ(contents(tiny / "run" / adapter), contents(tiny / "whole" / adapter));
  EXPECT_EQ(Json::parse(contents(tiny / "run/provenance.json")).at("result").at("sha256").size(), 2u);
}

TEST(Report, OfAFailedRunSaysWhy) {
  const TinyRun tiny;
  tiny.recipe({{"training.learning_rate", "1e38"}, {"training.max_grad_norm", "0"}, {"training.warmup_steps", "0"}});
  ASSERT_EQ(run_hone(tiny.train("run")).exit_code, 7);
  const Outcome report = run_hone({"report", (tiny / "run").string()});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  EXPECT_EQ(report.out.find("failed at "), 0u) << report.out;
  EXPECT_NE(report.out.find("1 incident\nreason    step "), std::string::npos) << report.out;
}

}  // namespace
}  // namespace hone::test
