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

const Json& kept(const Json& plan, const std::string& what) {
  for (const Json& each : plan.at("disk").at("kept"))
    if (each.at("what") == what) return each;
  throw std::runtime_error("nothing is kept as " + what);
}

TEST(PlanTest, ADiskIsCountedFirstWithoutAndThenWithWhatIsThere) {
  const TinyRun tiny;
  const std::string recipe = tiny.recipe().string();
  const auto planned = [&] { return parse_json(run_hone({"plan", recipe, "--json"}).out, "plan"); };
  const Json before = planned();
  EXPECT_TRUE(before.at("disk").at("fits"));
  EXPECT_EQ(kept(before, "checkpoints").at("there_bytes"), 0);
  EXPECT_GT(before.at("disk").at("read_bytes_per_second"), before.at("disk").at("read_bytes_per_second_needed"));
  ASSERT_EQ(run_hone(tiny.train("run")).exit_code, 0);
  uint64_t shards = 0, checkpoints = 0;
  for (const auto& entry : fs::recursive_directory_iterator(tiny / "shards"))
    if (entry.is_regular_file()) shards += entry.file_size();
  for (const auto& entry : fs::recursive_directory_iterator(tiny / "run/checkpoints"))
    if (entry.is_regular_file()) checkpoints += entry.file_size();
  const Json after = planned();
  EXPECT_EQ(kept(after, "shards").at("bytes"), shards);
  EXPECT_EQ(kept(after, "shards").at("there_bytes"), shards);
  // Three were written, two are kept: of each the arrays as planned, and a manifest.
  EXPECT_NEAR(after.at("disk").at("checkpoint_bytes").get<double>(), double(checkpoints) / 2, 8192);
  EXPECT_EQ(after.at("disk").at("checkpoints_kept"), 2);
  EXPECT_EQ(kept(after, "checkpoints").at("there_bytes").get<uint64_t>(),
            std::min(checkpoints, kept(after, "checkpoints").at("bytes").get<uint64_t>()));
  EXPECT_NEAR(after.at("disk").at("result_bytes").get<double>(),
              double(fs::file_size(tiny / "run/adapter/adapter_model.safetensors")), 8192);
}

// What was planned is kept with the run and stands beside what it took.
TEST(PlanTest, ARunIsHeldAgainstItsPlan) {
  const TinyRun tiny;
  ASSERT_EQ(run_hone(tiny.train("run")).exit_code, 0);
  const Json plan = read_json(tiny / "run/plan.json");
  const double seconds = plan.at("seconds").get<double>();
  EXPECT_GT(seconds, 0);
  const std::string events = contents(tiny / "run/events.jsonl");
  const Json start = parse_json(events.substr(0, events.find('\n')), "events");
  EXPECT_EQ(start.at("planned_seconds").get<double>(), seconds);
  EXPECT_EQ(start.at("planned_bytes"), plan.at("peak_bytes"));
  const Outcome page = run_hone({"report", (tiny / "run").string()});
  EXPECT_NE(page.out.find(" (planned "), std::string::npos) << page.out;
  const std::string html = contents(tiny / "run/report.html");
  for (const char* row : {"peak memory", "time in steps", "a step, median"})
    EXPECT_NE(html.find(">" + std::string(row) + "</th>"), std::string::npos) << row;
}

TEST(PlanTest, ARunThatDoesNotFitExitsWith5AndWaysOut) {
  const TinyRun tiny;
  const std::string recipe = tiny.recipe().string();
  const Outcome outcome = run_hone({"plan", recipe, "--memory", "300KiB"});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_NE(outcome.out.find("does not fit by "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("ways"), std::string::npos) << outcome.out;
  EXPECT_EQ(run_hone({"plan", recipe, "--memory", "much"}).exit_code, 2);

  // Every parameter of a model of 65 billion, nearly all of it in the MLPs: refused before a byte of it is made.
  const fs::path large = tiny.folder().write("large/config.json", R"({"model_type": "llama", "hidden_size": 32768,
    "intermediate_size": 114688, "num_hidden_layers": 5, "num_attention_heads": 8, "num_key_value_heads": 8,
    "head_dim": 64, "vocab_size": 128256})");
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

// What a GPU elsewhere is expected to take, kernel by kernel, to hold against the first hour on it.
TEST(PlanTest, AGpuElsewhereIsPlannedByItsRoofline) {
  const TemporaryFolder folder;
  const std::string recipe = folder.write("large.yaml", "model: {shape: llama-3.2-1b}\ndata: {max_length: 1024}\n");
  const Outcome screen = run_hone({"plan", recipe, "--gpu", "gb10"});
  EXPECT_EQ(screen.exit_code, 0) << screen.err;
  for (const char* words :
       {"GB10 128 GB, bfloat16", " of 107.6 GiB", "(expected)", "% of the matrix rate of 95", "\n of it   products"})
    EXPECT_NE(screen.out.find(words), std::string::npos) << words << "\n" << screen.out;

  const Json plan = parse_json(run_hone({"plan", recipe, "--gpu", "gb10", "--json"}).out, "plan");
  EXPECT_EQ(plan.at("gpu"), "gb10");
  const double step = plan.at("step_seconds");
  EXPECT_NEAR(plan.at("tokens_per_second").get<double>(), 1024 / step, 1e-6 / step);
  double seconds = 0, flops = 0, kinds = 0;
  for (const Json& kernel : plan.at("kernels")) {
    EXPECT_TRUE(kernel.at("kernel").is_string() && kernel.at("kind").is_string() && kernel.at("bound").is_string());
    EXPECT_FALSE(kernel.at("tensors").empty());
    EXPECT_GT(kernel.at("count"), 0);
    EXPECT_GT(kernel.at("bytes"), 0);
    seconds += kernel.at("seconds").get<double>(), flops += kernel.at("flops").get<double>();
  }
  for (const auto& [kind, of_it] : plan.at("kinds").items()) kinds += of_it.get<double>();
  EXPECT_NEAR(seconds, step, 1e-9 * step);
  EXPECT_NEAR(kinds, step, 1e-9 * step);
  EXPECT_NEAR(flops, plan.at("flops").get<double>(), 1e-9 * flops);

  const Outcome wrong = run_hone({"plan", recipe, "--gpu", "gb11"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.err.find("no GPU is known as gb11; did you mean gb10?  (known: h100 "), std::string::npos)
      << wrong.err;
  EXPECT_EQ(run_hone({"plan", recipe, "--gpu", "gb10", "--device", "cpu"}).exit_code, 2);
  EXPECT_NE(run_hone({"plan", recipe, "--device", "cuda", "--memory", "9GiB"}).out.find("GPU, bfloat16"),
            std::string::npos);
}

}  // namespace
}  // namespace hone::test
