// A run that was killed and resumed writes the very bytes of one that was not: with accumulation, packing and dropout
// on, with one and two threads, killed at several steps and while a checkpoint is written.
#include <gtest/gtest.h>
#include <signal.h>

#include "kernels/host/json.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

constexpr const char* kAdapter = "adapter/adapter_model.safetensors";

// metrics.jsonl without what may differ between two runs of the same arithmetic: time, memory.
std::string curve(const fs::path& run) {
  std::istringstream lines(contents(run / "metrics.jsonl"));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    Json value = Json::parse(line);
    for (const char* key : {"seconds", "data_seconds", "peak_bytes"}) value.erase(key);
    text += value.dump() + "\n";
  }
  return text;
}

class Resume : public testing::TestWithParam<int> {};

TEST_P(Resume, KilledAnywhereEndsInTheSameBytes) {
  const std::string threads = std::to_string(GetParam());
  const TinyRun tiny;
  tiny.recipe({{"model.threads", threads}});
  const Outcome whole = run_hone(tiny.train("whole"));
  ASSERT_EQ(whole.exit_code, 0) << whole.err << whole.out;
  const std::string adapter = contents(tiny / "whole" / kAdapter);
  ASSERT_GT(adapter.size(), 1000u);

  // As soon as a checkpoint is there the process is killed: somewhere in the steps after it.
  for (const char* checkpoint : {"step-000003", "step-000006", "step-000009"}) {
    const std::string name = std::string("killed-") + checkpoint;
    const Outcome killed =
        run_hone_and_kill(tiny.train(name), {.signal = SIGKILL, .file = tiny / name / "checkpoints" / checkpoint});
    ASSERT_TRUE(killed.exit_code == 128 + SIGKILL || killed.exit_code == 0) << killed.err;
    const Outcome resumed = run_hone(tiny.train(name, {"--resume"}));
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_NE(resumed.out.find("resume "), std::string::npos) << resumed.out;
    EXPECT_EQ(contents(tiny / name / kAdapter), adapter) << "killed after " << checkpoint;
    EXPECT_EQ(curve(tiny / name), curve(tiny / "whole"));
  }
}
INSTANTIATE_TEST_SUITE_P(Threads, Resume, testing::Values(1, 2));

// Moments in 8 bits are kept as they are.
TEST(Resume, MomentsIn8BitsEndInTheSameBytes) {
  const TinyRun tiny;
  tiny.recipe({{"training.optimizer", "adamw_8bit"}});
  ASSERT_EQ(run_hone(tiny.train("whole")).exit_code, 0);
  const Outcome killed =
      run_hone_and_kill(tiny.train("killed"), {.signal = SIGKILL, .file = tiny / "killed/checkpoints/step-000006"});
  ASSERT_TRUE(killed.exit_code == 128 + SIGKILL || killed.exit_code == 0) << killed.err;
  const Outcome resumed = run_hone(tiny.train("killed", {"--resume"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(contents(tiny / "killed" / kAdapter), contents(tiny / "whole" / kAdapter));
  EXPECT_EQ(curve(tiny / "killed"), curve(tiny / "whole"));
  // Another optimiser's state is not taken.
  const Outcome other = run_hone(tiny.train("killed", {"--resume", "--set", "training.optimizer=adamw"}));
  EXPECT_EQ(other.exit_code, 2) << other.out;
  EXPECT_NE(other.err.find("training.optimizer was \"adamw_8bit\" and is now \"adamw\""), std::string::npos)
      << other.err;
}

TEST(Resume, ThreadsDoNotChangeTheBytes) {
  const TinyRun tiny;
  ASSERT_EQ(run_hone(tiny.train("one", {"--set", "model.threads=1"})).exit_code, 0);
  ASSERT_EQ(run_hone(tiny.train("two", {"--set", "model.threads=2"})).exit_code, 0);
  EXPECT_EQ(contents(tiny / "one" / kAdapter), contents(tiny / "two" / kAdapter));
  EXPECT_EQ(curve(tiny / "one"), curve(tiny / "two"));
}

TEST(Resume, SigtermWritesACheckpointAndSaysHowToGoOn) {
  const TinyRun tiny;
  const std::string steps = HONE_SANITIZED ? "100" : "600";  // more than are done before the signal arrives
  tiny.recipe({{"training.max_steps", steps}, {"output.save_every", "100000"}});
  const Outcome stopped = run_hone_and_kill(tiny.train("run"), {.signal = SIGTERM, .file = tiny / "run/metrics.jsonl"});
  ASSERT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_NE(stopped.out.find("Go on with: hone train"), std::string::npos) << stopped.out;
  EXPECT_FALSE(fs::exists(tiny / "run/adapter"));
  // Where it stopped is where it goes on; that its end is that of a run never stopped is seen above.
  const Outcome resumed = run_hone(
      tiny.train("run", {"--resume", "--set", "training.max_steps=" + steps, "--set", "output.save_every=100000"}));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
}

// Dropout acts on training alone: what a run measures at its end is what `hone eval` measures of its adapter.
TEST(Resume, EvaluationWithinARunIsThatOfTheAdapterItWrites) {
  const TinyRun tiny;
  tiny.recipe({{"adapter.lora_dropout", "0.5"}, {"training.learning_rate", "2e-2"}});
  ASSERT_EQ(run_hone(tiny.train("run")).exit_code, 0);
  const Outcome eval =
      run_hone({"eval", (tiny / "recipe.yaml").string(), "--adapter", (tiny / "run/adapter").string(), "--json"});
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  const Json summary = Json::parse(contents(tiny / "run/summary.json"));
  EXPECT_NEAR(summary.at("evaluation_after").get<double>(), Json::parse(eval.out).at("loss").get<double>(), 1e-6);
}

// The folder of a run is enough: its recipe, and what came of it.
TEST(Resume, ARunsResultIsMeasuredByTheNameOfItsFolder) {
  const TinyRun tiny;
  for (const char* type : {"lora", "none"}) {
    SCOPED_TRACE(type);
    const std::string name = std::string("run-") + type;
    std::map<std::string, std::string> settings{{"adapter.type", type}, {"training.learning_rate", "2e-2"}};
    if (settings["adapter.type"] == "none") settings["model.quantization"] = "none";
    tiny.recipe(settings);
    const Outcome early = run_hone({"eval", (tiny / "model").string()});
    EXPECT_EQ(early.exit_code, 2);
    EXPECT_NE(early.err.find("is a model directory, which names no data"), std::string::npos) << early.err;
    ASSERT_EQ(run_hone(tiny.train(name)).exit_code, 0);
    const Outcome eval = run_hone({"eval", (tiny / name).string(), "--json"});
    ASSERT_EQ(eval.exit_code, 0) << eval.err;
    const Json summary = Json::parse(contents(tiny / name / "summary.json"));
    EXPECT_NEAR(summary.at("evaluation_after").get<double>(), Json::parse(eval.out).at("loss").get<double>(), 1e-6);
    EXPECT_LT(summary.at("evaluation_after").get<double>(), summary.at("evaluation_before").get<double>() - 0.01);
  }
  fs::remove_all(tiny / "run-lora/adapter");
  const Outcome unfinished = run_hone({"eval", (tiny / "run-lora").string()});
  EXPECT_EQ(unfinished.exit_code, 2);
  EXPECT_NE(unfinished.err.find("has not ended"), std::string::npos) << unfinished.err;
}

TEST(Resume, WithoutACheckpointStartsAtZeroWithANote) {
  const TinyRun tiny;
  const Outcome outcome = run_hone(tiny.train("run", {"--resume"}));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("no checkpoint to resume from: starting at step 0"), std::string::npos) << outcome.out;
}

TEST(Resume, AFolderThatHoldsARunIsRefused) {
  const TinyRun tiny;
  ASSERT_EQ(run_hone(tiny.train("run")).exit_code, 0);
  const Outcome again = run_hone(tiny.train("run"));
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.err.find("already holds a run. Go on with: hone train"), std::string::npos) << again.err;
}

TEST(Resume, OtherSettingsAreRefusedByName) {
  const TinyRun tiny;
  ASSERT_EQ(run_hone(tiny.train("run")).exit_code, 0);
  const Outcome other = run_hone(tiny.train("run", {"--resume", "--set", "adapter.r=8"}));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("adapter.r was 4 and is now 8"), std::string::npos) << other.err;
  const Outcome rate = run_hone(tiny.train("run", {"--resume", "--set", "training.max_steps=14"}));
  EXPECT_EQ(rate.exit_code, 0) << rate.err;
  EXPECT_NE(rate.out.find("training.max_steps was 12 and is now 14"), std::string::npos) << rate.out;
}

TEST(Resume, ADamagedNewestCheckpointIsNamedAndThePreviousOneUsed) {
  const TinyRun tiny;
  ASSERT_EQ(run_hone(tiny.train("whole")).exit_code, 0);
  const std::string adapter = contents(tiny / "whole" / kAdapter);
  const fs::path newest = tiny / "whole/checkpoints/step-000009/state.safetensors";
  std::string bytes = contents(newest);
  ASSERT_FALSE(bytes.empty());
  bytes[bytes.size() / 2] = char(bytes[bytes.size() / 2] ^ 1);
  tiny.folder().write("whole/checkpoints/step-000009/state.safetensors", bytes);
  const Outcome resumed = run_hone(tiny.train("whole", {"--resume"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_NE(resumed.out.find("step-000009"), std::string::npos) << resumed.out;
  EXPECT_NE(resumed.out.find("from step-000006"), std::string::npos) << resumed.out;
  EXPECT_EQ(contents(tiny / "whole" / kAdapter), adapter);
}

}  // namespace
}  // namespace hone::test
