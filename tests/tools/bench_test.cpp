// `hone bench` on a model that takes no time.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/host/json.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

class Bench {
 public:
  Outcome run(std::vector<std::string> more) const {
    more.insert(more.begin(), {"bench", "--model", (tiny_ / "model").string(), "--random", "--device", "cpu",
                               "--tokens", "96", "--sequence", "32", "--steps", "3", "--warm-up", "1"});
    return run_hone(more);
  }

 private:
  TinyRun tiny_;
};

TEST(BenchTest, MeasuresStepsBesideWhatWasExpected) {
  const Bench bench;
  const Outcome screen = bench.run({"--rank", "4"});
  EXPECT_EQ(screen.exit_code, 0) << screen.err;
  for (const char* words : {"\nstep     96 tokens in 3 documents", "\ntime     3 steps after 1", " tokens/s   ",
                            " of the matrix rate\n", "\nexpected ", " peak   ", " planned\n", "\nmachine  "})
    EXPECT_NE(screen.out.find(words), std::string::npos) << words << "\n" << screen.out;

  for (const std::vector<std::string>& more : {std::vector<std::string>{"--json"},
                                               {"--json", "--quantization", "none", "--recompute", "full"},
                                               {"--json", "--rank", "0"}}) {
    const Outcome outcome = bench.run(more);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const Json result = parse_json(outcome.out, "bench");
    EXPECT_EQ(result.at("step_seconds").size(), 3u);
    EXPECT_EQ(result.at("tokens_per_step"), 96);
    const double peak = result.at("peak_bytes"), planned = result.at("planned_peak_bytes");
    EXPECT_NEAR(peak, planned, 0.02 * planned);  // one position a document less is learned
    EXPECT_NEAR(result.at("tokens_per_second").get<double>() * result.at("mean_step_seconds").get<double>(), 96, 1e-6);
    EXPECT_GT(result.at("expected_step_seconds"), 0);
    EXPECT_GT(result.at("machine_before").at("matrix_flops_per_second"), 0);
    EXPECT_GT(result.at("matrix_share"), 0);
    EXPECT_NEAR(result.at("first_loss").get<double>(), std::log(48.0), 0.1);  // what random weights know
  }
}

TEST(BenchTest, SaysWhatIsWrong) {
  EXPECT_EQ(run_hone({"bench"}).exit_code, 2);
  const Outcome nothing = run_hone({"bench", "--model", "llama-3.2-1b"});
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_NE(nothing.err.find("add --random"), std::string::npos) << nothing.err;
  EXPECT_NE(run_hone({"bench", "--model", "lama-3.2-1b", "--random"}).err.find("did you mean llama-3.2-1b?"),
            std::string::npos);
  EXPECT_EQ(run_hone({"bench", "--model", "llama-3.2-1b", "--random", "--tokens", "100", "--sequence", "64"}).exit_code,
            2);
}

}  // namespace
}  // namespace hone::test
