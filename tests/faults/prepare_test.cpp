// Shards and the program: prepared while somebody kills it, and damaged before a run reads them.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>

#include "kernels/host/file.h"
#include "kernels/host/json.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

// The folder in `shards`; empty where there is none yet.
fs::path only_folder(const fs::path& shards) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(shards, none)) return entry.path();
  return {};
}

// All files but the lock, by name.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const fs::path& file : entries_of(folder))
    if (file.filename() != "run.lock") all[file.filename().string()] = contents(file);
  return all;
}

bool is_there(const fs::path& folder, std::string_view name) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (entry.path().filename().string().starts_with(name)) return true;
  return false;
}

TEST(PrepareSlow, KilledAnywhereEndsWithTheSameBytes) {
  const TinyRun tiny;
  // Rows for four shards of four million tokens and a rest.
  std::string rows;
  uint32_t drawn = 1;
  for (int r = 0; r < 440'000; ++r) {
    rows += "{\"input_ids\":[3";
    for (int i = 1; i < 40; ++i) rows += {',', char('3' + ((drawn = drawn * 1664525u + 1013904223u) >> 24) % 7)};
    rows += "]}\n";
  }
  tiny.folder().write("train.jsonl", rows);
  tiny.recipe();
  const auto prepare = [&](const std::string& folder) {
    return std::vector<std::string>{"prepare", (tiny / "recipe.yaml").string(), "--set",
                                    "data.shards=" + (tiny / folder).string()};
  };
  const Outcome undisturbed = run_hone(prepare("whole"));
  ASSERT_EQ(undisturbed.exit_code, 0) << undisturbed.err;
  const fs::path whole = only_folder(tiny / "whole");
  const auto expected = files_of(whole);
  // Five shards of training, one of evaluation, lengths, manifest.
  ASSERT_EQ(expected.size(), 8u);
  ASSERT_TRUE(expected.contains("train-000004.h5"));

  // Each run is killed as soon as a file of this name is there: nothing but the lock, a file half written (".tmp-"), a
  // shard that no manifest names yet or has just named, the last files.
  int killed = 0, kept = 0;
  for (const char* moment : {"run.lock", ".tmp-", "train-000000.h5", "manifest.json", "train-000001.h5",
                             "train-000003.h5", "evaluation-000000.h5", "train-lengths.h5"}) {
    SCOPED_TRACE(moment);
    const fs::path folder = tiny / "killed" / whole.filename();
    fs::remove_all(tiny / "killed");
    const Outcome first =
        run_hone_and_kill(prepare("killed"), {.signal = SIGKILL, .when = [&] { return is_there(folder, moment); }});
    ASSERT_TRUE(first.exit_code == 128 + SIGKILL || first.exit_code == 0) << first.err;
    killed += first.exit_code != 0;
    std::map<std::string, fs::file_time_type> named;  // by the manifest that was left
    if (fs::exists(folder / "manifest.json")) {
      const Json manifest = read_json(folder / "manifest.json");
      for (const Json& shard : manifest.at("train").at("shards"))
        named[shard.at("name")] = fs::last_write_time(folder / shard.at("name").get<std::string>());
    }
    const Outcome second = run_hone(prepare("killed"));
    ASSERT_EQ(second.exit_code, 0) << second.err;
    const auto files = files_of(folder);
    EXPECT_EQ(files.size(), expected.size());
    for (const auto& [name, bytes] : expected) EXPECT_TRUE(files.contains(name) && files.at(name) == bytes) << name;
    for (const auto& [name, time] : named) EXPECT_EQ(fs::last_write_time(folder / name), time) << name << " again";
    kept += int(named.size());
    EXPECT_NE(run_hone(prepare("killed")).out.find("(there already)"), std::string::npos);
  }
  EXPECT_GE(killed, 6) << "too few of the runs were alive when the signal came";
  EXPECT_GE(kept, 4) << "finished shards are to be kept";
}

TEST(Prepare, DamageIsRefusedBeforeAStep) {
  const TinyRun tiny;
  const std::vector<std::string> prepare{"prepare", (tiny / "recipe.yaml").string()};
  ASSERT_EQ(run_hone(prepare).exit_code, 0);
  const fs::path shard = only_folder(tiny / "shards") / "train-000000.h5";
  const std::string whole = contents(shard);
  std::string damaged = whole;
  damaged[damaged.size() / 2] = char(damaged[damaged.size() / 2] ^ 4);
  tiny.folder().write(fs::relative(shard, tiny.folder().path()).string(), damaged);
  for (const std::vector<std::string>& verb : {prepare, tiny.train("run")}) {
    const Outcome outcome = run_hone(verb);
    EXPECT_EQ(outcome.exit_code, 3) << outcome.out << outcome.err;
    EXPECT_NE(outcome.err.find("train-000000.h5 (rows 0 to 89): damaged"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("hone prepare RECIPE --rebuild"), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(contents(tiny / "run/metrics.jsonl"), "");
  std::vector<std::string> rebuild = prepare;
  rebuild.push_back("--rebuild");
  ASSERT_EQ(run_hone(rebuild).exit_code, 0);
  EXPECT_TRUE(contents(shard) == whole);
  EXPECT_EQ(run_hone(tiny.train("again")).exit_code, 0);
}

}  // namespace
}  // namespace hone::test
