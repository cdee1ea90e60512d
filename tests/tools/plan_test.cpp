// `hone plan` from outside, and what `hone train` does with a run that does not fit.
#include <gtest/gtest.h>

#include "kernels/host/json.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

TEST(PlanTest, SaysWhatTheRunThenTakes) {
  const TinyRun tiny;
  const std::string recipe = tiny.recipe({{"training.micro_batch_size", "1"}}).string();
  const Outcome screen = run_hone({"plan", recipe});
  EXPECT_EQ(screen.exit_code, 0) << screen.err;
  for (const char* line : {"model  ", "\nmemory ", "\npolicy ", "\npeak ", "\ndata ", "\ntime ", "\ndisk "})
    EXPECT_NE(screen.out.find(line), std::string::npos) << line << screen.out;
  EXPECT_FALSE(fs::exists(tiny / "run"));  // nothing was started

  const Outcome planned = run_hone({"plan", recipe, "--json"});
  const Json plan = parse_json(planned.out, "plan");
  size_t sum = 0;
  for (const auto& [kind, bytes] : plan.at("memory").items()) sum += bytes.get<size_t>();
  EXPECT_EQ(sum, plan.at("peak_bytes").get<size_t>());
  EXPECT_EQ(plan.at("steps"), 12);
  const Outcome trained = run_hone(tiny.train("run"));
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const Json summary = read_json(tiny / "run/summary.json");
  const double peak = plan.at("peak_bytes").get<double>();
  EXPECT_LE(summary.at("peak_bytes").get<double>(), peak);        // the plan is for the largest micro-batch
  EXPECT_GE(summary.at("peak_bytes").get<double>(), 0.8 * peak);  // the rows fill theirs nearly
}

TEST(PlanTest, ARunThatDoesNotFitExitsWith5AndWaysOut) {
  const TinyRun tiny;
  const std::string recipe = tiny.recipe().string();
  const Outcome outcome = run_hone({"plan", recipe, "--memory", "300KiB"});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_NE(outcome.out.find("does not fit by "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("ways"), std::string::npos) << outcome.out;
  EXPECT_EQ(run_hone({"plan", recipe, "--memory", "much"}).exit_code, 2);

  // Every parameter of a model of 70 billion: refused before a byte of it is made.
  const fs::path large = tiny.folder().write("large/config.json", R"({"model_type": "llama", "hidden_size": 8192,
    "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8,
    "vocab_size": 128256})");
  const Outcome refused =
      run_hone(tiny.train("large_run", {"--set", "model.path=" + large.parent_path().string(), "--set",
                                        "adapter.type=none", "--set", "model.quantization=none"}));
  EXPECT_EQ(refused.exit_code, 5) << refused.err;
  EXPECT_NE(refused.out.find("does not fit by "), std::string::npos) << refused.out;
  EXPECT_NE(refused.err.find("nothing was started"), std::string::npos) << refused.err;
}

TEST(PlanTest, AKnownShapeNeedsNoFiles) {
  const TemporaryFolder folder;
  const std::string recipe = folder.write("large.yaml", "model: {shape: llama-3.2-1b}\ndata: {max_length: 128}\n");
  const Outcome outcome = run_hone({"plan", recipe, "--memory", "78GiB"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("1.24 B parameters"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("was not looked at"), std::string::npos) << outcome.out;
  const Outcome wrong = run_hone({"plan", recipe, "--set", "model.shape=llama-3.2-1bb"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.err.find("did you mean llama-3.2-1b?"), std::string::npos) << wrong.err;
}

}  // namespace
}  // namespace hone::test
