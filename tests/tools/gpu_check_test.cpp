// tools/gpu_check without a GPU: what it plans and refuses; and with programs made up here, what it makes of theirs.
#include <gtest/gtest.h>

#include <cstdlib>

#include "kernels/host/file.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

const fs::path kScript = source_folder() / "tools/gpu_check";

constexpr const char* kGpu =
    R"({"index": 0, "name": "NVIDIA Made Up", "compute_capability": "12.1", "multiprocessors": 48,
  "copy_bytes_per_second": 230e9, "copy_least": 210e9, "matrix_flops_per_second": 95e12, "matrix_least": 85e12,
  "problem": ""})";

class GpuCheck : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1") != 0)
      HONE_SKIP("HONE_REQUIRE_PYTHON", "needs Python 3.8");
  }

  // What the script prints, and its exit code in `code`.
  Outcome run(const std::string& arguments, const std::string& script = kScript.string()) const {
    const std::string at = folder_.path().string();
    const int status = std::system(("cd " + at + " && " + script + " " + arguments + " >out 2>err </dev/null").c_str());
    return {WEXITSTATUS(status), contents(folder_ / "out"), contents(folder_ / "err")};
  }
  Outcome run_parts(const std::string& arguments) const {
    std::string places;
    for (const auto& [option, name] : {std::pair{"--binaries", "bin"}, {"--results", "results"}, {"--logs", "logs"}})
      places += std::string(option) + " " + (folder_ / name).string() + " ";
    return run(places + arguments);
  }
  void program(const std::string& name, const std::string& body) const {
    fs::permissions(folder_.write("bin/" + name, "#!/bin/bash\n" + body), fs::perms::owner_all);
  }
  // hone, of a machine whose only GPU is this one; kernels_test, of which `bad` says how Rope ends.
  void programs(const std::string& gpu, const std::string& bad) const {
    program("hone",
            "[ \"$1\" != bench ] || { " + bench_ + "; }\n[ \"$1\" = doctor ] || exit 2\ncat <<'E'\n{\"gpus\": [" + gpu +
                "], \"no_gpu\": \"CUDA lists no device\", \"cuda\": {\"driver\": \"13.0\", \"runtime\": \"13.0\"}, "
                "\"libraries\": [{\"name\": \"cuBLASLt\", \"version\": \"13.1.0\", \"problem\": \"\"}]}\nE\n" +
                (gpu.empty() ? "echo 'hone: no GPU can be used' >&2; exit 6\n" : ""));
    program("kernels_test", R"(for a; do case $a in
  --gtest_list_tests) printf 'Running main() from x\nOn/Rope.\n  Turns/cuda  # GetParam() = cuda\nOn/Nf4.\n  Reads/cuda\n'; exit ;;
  --gtest_filter=*) filter=${a#*=} ;;
  --gtest_output=json:*) out=${a#*=json:} ;;
esac; done
[ "$HONE_REQUIRE_CUDA" = 1 ] || exit 3
case $filter in 'On/Rope.*/cuda*') )" +
                                bad + R"( ;; 'On/Nf4.*/cuda*') ;; *) exit 4 ;; esac
echo '{"testsuites": [{"testsuite": [{"name": "Reads/cuda", "result": "COMPLETED"}]}]}' >$out
)");
    program("hone_bench", R"(echo '{"shape": "llama-3.1-8b", "tokens": 8192, "dtype": "bfloat16",
  "copy_bytes_per_second": 230e9, "matrix_flops_per_second": 95e12, "ops": [
  {"name": "add", "seconds": 1e-3, "best_seconds": 1e-3, "flops": 0, "bytes": 2e8, "bound": "copy", "share": 0.87},
  {"name": "rope", "problem": "[rope] has no CUDA kernel in this build"}]}'
)");
  }
  Json result() const {
    for (const fs::path& file : entries_of(folder_ / "results"))
      if (file.extension() == ".json") return read_json(file);
    throw std::runtime_error("no results were written");
  }
  TemporaryFolder folder_;
  std::string bench_ = "exit 2";  // what the made-up hone does for this verb
};

TEST_F(GpuCheck, PlansWithoutAGpu) {
  const Outcome plan = run("--dry-run");
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
  for (const char* words :
       {"build ", "tests ", "sanitizer ", "ops ", "train ", "540 s at most", "cuBLASLt", "results "})
    EXPECT_NE(plan.out.find(words), std::string::npos) << words << plan.out;
  const Outcome one = run("--dry-run --part ops --limit 60");
  EXPECT_EQ(one.out.find("sanitizer"), std::string::npos);
  EXPECT_NE(one.out.find("60 s at most"), std::string::npos);
  EXPECT_EQ(run("--part everything").exit_code, 2);
  EXPECT_EQ(run("--help").exit_code, 0);
}

TEST_F(GpuCheck, SaysThatThereIsNoGpu) {
  if (!fs::exists("/dev/nvidia0") && !fs::exists("/proc/driver/nvidia/gpus")) {
    const Outcome nothing = run("");
    EXPECT_EQ(nothing.exit_code, 6);
    EXPECT_NE(nothing.err.find("no GPU here"), std::string::npos) << nothing.err;
  }
  programs("", "");
  const Outcome asked = run_parts("--part tests");
  EXPECT_EQ(asked.exit_code, 6);
  EXPECT_NE(asked.err.find("CUDA lists no device"), std::string::npos) << asked.err;
  EXPECT_FALSE(fs::exists(folder_ / "results"));
}

TEST_F(GpuCheck, WritesWhatItFound) {
  programs(kGpu, "");
  const Outcome all = run_parts("--part tests --part ops --part train");
  EXPECT_EQ(all.exit_code, 0) << all.out << all.err;
  const Json json = result();
  EXPECT_EQ(json.at("gpu").at("name"), "NVIDIA Made Up");
  EXPECT_FALSE(json.at("commit").get<std::string>().empty());
  const Json& tests = json.at("parts").at("tests");
  ASSERT_EQ(tests.at("suites").size(), 2u);
  EXPECT_EQ(tests.at("suites").at(0).at("suite"), "On/Rope");
  EXPECT_EQ(tests.at("suites").at(1).at("passed"), 1);
  EXPECT_EQ(tests.at("missing").size(), 2u);  // the other programs were not built
  EXPECT_EQ(json.at("parts").at("ops").at("runs").size(), 2u);
  EXPECT_EQ(json.at("parts").at("ops").at("after").at("matrix_flops_per_second"), 95e12);
  EXPECT_EQ(json.at("parts").at("train").at("missing").at(0), "this hone has no verb bench");
  std::string table;
  for (const fs::path& file : entries_of(folder_ / "results"))
    if (file.extension() == ".md") table = contents(file);
  for (const char* line : {"# NVIDIA Made Up, ", "| kernels_test | On/Nf4 | 1 | 0 | 0 | ", "cuBLASLt 13.1.0",
                           "| add | 1.000 ms | 200 GB/s |  | 87 % | copy |", "| rope | not run | [rope] has no CUDA "})
    EXPECT_NE(table.find(line), std::string::npos) << line << "\n" << table;

  // A part that runs later joins the others.
  EXPECT_EQ(run_parts("--part ops").exit_code, 0);
  EXPECT_EQ(result().at("parts").size(), 3u);
}

// A setting that this GPU does not hold is no failure; one that fails otherwise is, and the others are measured.
TEST_F(GpuCheck, MeasuresTrainingSteps) {
  bench_ = R"(case "$*" in *--help*) echo --model; exit ;; *70b*) echo 'hone: this needs 77 GiB' >&2; exit 5 ;; esac
echo '{"tokens_per_second": 15400.4, "mean_step_seconds": 0.53, "expected_step_seconds": 0.53, "peak_bytes": 53687091200,
  "planned_peak_bytes": 53687091200, "matrix_share": 0.7, "expected_tokens_per_second": 15456, "recompute": "nothing made again"}'
exit 0)";
  programs(kGpu, "");
  const Outcome outcome = run_parts("--part train");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("15,400 tokens/s"), std::string::npos) << outcome.out;
  const Json runs = result().at("parts").at("train").at("runs");
  ASSERT_EQ(runs.size(), 8u);
  EXPECT_EQ(runs.at(0).at("tokens_per_second"), 15400.4);
  EXPECT_NE(runs.at(7).at("problem").get<std::string>().find("this needs 77 GiB"), std::string::npos);

  EXPECT_EQ(run_parts("--part train --only '2 documents|28 GiB'").exit_code, 0);
  EXPECT_EQ(result().at("parts").at("train").at("runs").size(), 3u);

  bench_.replace(bench_.find("exit 5"), 6, "exit 1");
  programs(kGpu, "");
  const Outcome failed = run_parts("--part train");
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_NE(failed.out.find("70B nf4"), std::string::npos) << failed.out;
}

TEST_F(GpuCheck, APartThatFailsStopsNoOther) {
  struct Case {
    const char *bad, *said;
  };
  for (const auto& [bad, said] :
       {Case{R"(echo '{"testsuites": [{"testsuite": [{"name": "Turns/cuda", "result": "COMPLETED",
                 "failures": [{"failure": "expected 1, got 2"}]}]}]}' >$out; exit 1)",
             "Turns/cuda: expected 1, got 2"},
        Case{"kill -SEGV $$", "signal 11"}, Case{"echo '{\"testsuites\": []}' >$out; exit 0", "no test was run"},
        Case{R"(echo '{"testsuites": [{"testsuite": [{"name": "a", "result": "SKIPPED"}]}]}' >$out; exit 0)",
             "no test was run"}}) {
    programs(kGpu, bad);
    const Outcome outcome = run_parts("--part tests --part ops");
    EXPECT_EQ(outcome.exit_code, 1) << said;
    EXPECT_NE(outcome.out.find("failed: tests\n"), std::string::npos) << outcome.out;
    const Json parts = result().at("parts");
    EXPECT_EQ(parts.at("tests").at("state"), "failed");
    const Json& suites = parts.at("tests").at("suites");
    EXPECT_NE(suites.at(0).at("failures").at(0).get<std::string>().find(said), std::string::npos) << suites.dump();
    EXPECT_EQ(suites.at(1).at("passed"), 1) << "the next suite has a process of its own";
    EXPECT_EQ(parts.at("ops").at("state"), "ok");
  }
}

TEST_F(GpuCheck, EndsWhatTakesTooLong) {
  programs(kGpu, "sleep 100 & sleep 100");
  const Outcome outcome = run_parts("--part tests --limit 2");
  EXPECT_EQ(outcome.exit_code, 1);
  const Json tests = result().at("parts").at("tests");
  EXPECT_NE(tests.at("suites").at(0).at("failures").at(0).get<std::string>().find("took more than 2 s"),
            std::string::npos)
      << tests.dump();
  EXPECT_LT(tests.at("seconds").get<double>(), 10);
}

// Figures of a GPU whose clocks are held down are worth nothing.
TEST_F(GpuCheck, MarksFiguresOfASlowGpu) {
  std::string slow = kGpu;
  slow.replace(slow.find("95e12"), 5, "61e12");
  programs(slow, "");
  const Outcome outcome = run_parts("--part ops");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(result().at("parts").at("ops").at("problem").get<std::string>().find("slower than it should be"),
            std::string::npos);
}

class GpuCheckSlow : public GpuCheck {};
TEST_F(GpuCheckSlow, PacksAndRunsThere) {
  programs(kGpu, "");
  const std::string at = folder_.path().string(), archive = at + "/bundle.tar.xz", there = at + "/hone-gpu";
  const Outcome packed = run_parts("--pack " + archive);
  EXPECT_EQ(packed.exit_code, 0) << packed.out << packed.err;
  EXPECT_EQ(run_parts("--pack " + archive).exit_code, 1) << "it is there already";
  ASSERT_EQ(std::system(("tar -xf " + archive + " -C " + at).c_str()), 0);
  for (const char* file :
       {"gpu_check", "peer_gpu.py", "commit", "bin/hone", "bin/kernels_test", "bin/hone_bench", "tests/golden/nf4"})
    EXPECT_TRUE(fs::exists(fs::path(there) / file)) << file;
  const Outcome ran = run("--part tests --part ops", there + "/gpu_check");
  EXPECT_NE(ran.out.find("tests\n"), std::string::npos) << ran.out << ran.err;
  EXPECT_TRUE(fs::exists(fs::path(there) / "results"));
  const Outcome all = run("--dry-run", there + "/gpu_check");
  EXPECT_EQ(all.out.find("build "), std::string::npos) << "there is nothing to build";

  fs::remove(archive);
  ASSERT_EQ(std::system(("head -c 68000000 /dev/urandom >" + at + "/bin/hone_bench").c_str()), 0);
  const Outcome large = run_parts("--pack " + archive);
  EXPECT_EQ(large.exit_code, 1);
  EXPECT_NE(large.err.find("more than 64"), std::string::npos) << large.err;
  EXPECT_FALSE(fs::exists(archive));
}

}  // namespace
}  // namespace hone::test
