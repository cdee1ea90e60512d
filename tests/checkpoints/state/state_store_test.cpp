// Training states under failing calls, damaged files and SIGKILL.
#include "checkpoints/state/state_store.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "tests/checkpoints/support.h"

namespace hone::checkpoints {
namespace {

using test::expect_error, test::TemporaryFolder;

// Arrays whose bytes follow from the step.
TrainingState state_at(int64_t step, size_t bytes = 1000) {
  TrainingState state{
      .step = step, .facts = {{"position", step * 3}, {"loss", 0.1 * double(step)}, {"text", "é"}}, .arrays = {}};
  std::vector<std::byte> raw(bytes);
  for (size_t i = 0; i < bytes; ++i) raw[i] = std::byte((i * 7 + size_t(step)) & 255);
  state.arrays.push_back({"weights", FileDType::U8, {int64_t(bytes)}, raw});
  state.arrays.push_back({"moments", FileDType::F32, {2, 1}, std::vector<std::byte>(8, std::byte(step & 255))});
  return state;
}
void expect_state(const TrainingState& state, int64_t step, size_t bytes = 1000) {
  const TrainingState expected = state_at(step, bytes);
  EXPECT_EQ(state.step, step);
  EXPECT_EQ(state.facts, expected.facts);
  ASSERT_EQ(state.arrays.size(), 2u);
  for (const StateArray& array : expected.arrays) {
    const auto found = std::ranges::find(state.arrays, array.name, &StateArray::name);
    ASSERT_NE(found, state.arrays.end());
    EXPECT_EQ(found->dtype, array.dtype);
    EXPECT_EQ(found->shape, array.shape);
    EXPECT_TRUE(found->bytes == array.bytes) << array.name;
  }
}

class Store : public ::testing::Test {
 protected:
  void TearDown() override { set_file_fault({}); }
  fs::path place() const { return folder_ / "checkpoints"; }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const fs::path& entry : entries_of(place())) all.push_back(entry.filename().string());
    return all;
  }
  TemporaryFolder folder_;
};

TEST_F(Store, SavesFindsAndKeepsTheNewest) {
  StateStore store(place(), 2, "9.8.7");
  EXPECT_FALSE(store.newest());
  for (const int64_t step : {5, 10, 999999, 1000000}) store.save(state_at(step));
  EXPECT_EQ(store.steps(), (std::vector<int64_t>{999999, 1000000}));
  EXPECT_EQ(names(), (std::vector<std::string>{"latest", "step-1000000", "step-999999"}));
  const auto found = StateStore(place()).newest();
  ASSERT_TRUE(found);
  expect_state(found->state, 1000000);
  EXPECT_EQ(found->folder, place() / "step-1000000");
  EXPECT_TRUE(found->notes.empty());
  EXPECT_EQ(read_text(place() / "latest"), "step-1000000\n");
  const Json manifest = read_json(place() / "step-1000000/MANIFEST.json");
  EXPECT_EQ(manifest.at("program"), "9.8.7");
  EXPECT_EQ(manifest.at("schema"), 1);
}

TEST_F(Store, FilesAreForTheirOwnerAlone) {
  const auto before = ::umask(0);
  StateStore store(place());
  store.save(state_at(1));
  ::umask(before);
  for (const auto& entry : fs::recursive_directory_iterator(place()))
    EXPECT_EQ(entry.status().permissions() & (fs::perms::group_all | fs::perms::others_all), fs::perms::none)
        << entry.path();
}

TEST_F(Store, AnySingleFailureLeavesACheckpoint) {
  for (const int code : {EIO, ENOSPC}) {
    bool reached_the_end = false;
    for (int n = 1; !reached_the_end; ++n) {
      fs::remove_all(place());
      StateStore store(place());
      for (const int64_t step : {1, 2}) store.save(state_at(step));
      int left = n;
      bool failed = false;
      set_file_fault([&](std::string_view, const fs::path&) { return --left == 0 ? code : 0; });
      try {
        store.save(state_at(3));
      } catch (const Error& error) {
        failed = true;
        EXPECT_EQ(error.code(), ExitCode::io) << error.what();
      }
      set_file_fault({});
      EXPECT_EQ(failed, left <= 0) << "a failure was not reported";
      reached_the_end = left > 0;
      const auto found = store.newest();
      ASSERT_TRUE(found);
      EXPECT_TRUE(found->notes.empty()) << found->notes[0];  // no half folder under a final name
      expect_state(found->state, found->state.step);
      EXPECT_TRUE(found->state.step == 3 || (failed && found->state.step == 2));
      for (const int64_t step : store.steps()) EXPECT_TRUE(step == 1 || step == 2 || step == 3);
      EXPECT_GE(store.steps().size(), 2u);
      StateStore(place()).save(state_at(4));  // and it goes on
      for (const std::string& name : names()) EXPECT_FALSE(name.starts_with(".")) << name;
      EXPECT_LT(n, 200);
      EXPECT_TRUE(!reached_the_end || n > 15) << n;
    }
  }
}

TEST_F(Store, ReplacingTheSameStepIsSafeToo) {
  for (int n = 1;; ++n) {
    fs::remove_all(place());
    StateStore store(place(), 1);
    store.save(state_at(1));
    int left = n;
    set_file_fault([&](std::string_view, const fs::path&) { return --left == 0 ? EIO : 0; });
    try {
      store.save(state_at(1));
    } catch (const Error&) {
    }
    set_file_fault({});
    const auto found = StateStore(place(), 1).newest();
    ASSERT_TRUE(found) << n;
    expect_state(found->state, 1);
    if (left > 0) break;
  }
}

TEST_F(Store, AnInterruptedWriteGoesOn) {
  StateStore store(place());
  int interrupts = 3;
  set_file_fault(
      [&](std::string_view call, const fs::path&) { return call == "write" && interrupts-- > 0 ? EINTR : 0; });
  store.save(state_at(1));
  set_file_fault({});
  EXPECT_LE(interrupts, 0);
  expect_state(store.newest()->state, 1);
}

// What a power cut would lose is what was not synced: each file is synced after its last write and before it is
// renamed, each folder before it is renamed, and the parent after that.
TEST_F(Store, SyncsBeforeItRenames) {
  StateStore store(place());
  std::vector<std::pair<std::string, fs::path>> calls;
  set_file_fault([&](std::string_view call, const fs::path& path) {
    calls.emplace_back(call, path);
    return 0;
  });
  store.save(state_at(1));
  set_file_fault({});
  std::set<fs::path> dirty;      // written since the last sync
  std::set<fs::path> unsettled;  // folders with a rename since the last sync
  std::vector<std::string> renamed;
  for (const auto& [call, path] : calls) {
    if (call == "write") dirty.insert(path);
    if (call == "fsync") dirty.erase(path), unsettled.erase(path);
    if (call != "rename") continue;
    EXPECT_FALSE(dirty.contains(path)) << path;
    EXPECT_TRUE(unsettled.empty() || !path.filename().string().starts_with("step-")) << *unsettled.begin();
    unsettled.insert(path.parent_path());
    renamed.push_back(path.filename().string());
  }
  EXPECT_TRUE(dirty.empty());
  EXPECT_TRUE(unsettled.empty());
  EXPECT_EQ(renamed, (std::vector<std::string>{"state.safetensors", "MANIFEST.json", "step-000001", "latest"}));
}

TEST_F(Store, PassesOverDamage) {
  StateStore store(place());
  store.save(state_at(1));
  store.save(state_at(2));
  const fs::path newest = place() / "step-000002";
  const auto passed_over = [&](const std::string& what) {
    const auto found = store.newest();
    ASSERT_TRUE(found) << what;
    EXPECT_EQ(found->state.step, 1) << what;
    ASSERT_EQ(found->notes.size(), 1u) << what;
    EXPECT_NE(found->notes[0].find("step-000002"), std::string::npos);
    expect_state(found->state, 1);
  };
  for (const char* name : {"state.safetensors", "MANIFEST.json"}) {
    const fs::path file = newest / name;
    const std::string whole = read_text(file);
    const auto damaged = [&](const std::string& text, const std::string& what) {
      folder_.write((fs::path("checkpoints/step-000002") / name).string(), text);
      if (text != whole) passed_over(joined(name, ": ", what));
    };
    for (size_t at = 0; at < whole.size(); at += 3) {
      std::string flipped = whole;
      flipped[at] = char(flipped[at] ^ (at % 2 ? 1 : 4));
      // White space between the parts of a manifest says nothing.
      if (name[0] == 'M' && Json::parse(flipped, nullptr, false) == Json::parse(whole)) continue;
      damaged(flipped, joined("byte ", at));
    }
    for (size_t size : {size_t(0), size_t(1), size_t(8), whole.size() / 2, whole.size() - 2})
      damaged(whole.substr(0, size), joined("cut at ", size));
    damaged(std::string(whole.size(), '\0'), "zeros");
    damaged(whole.substr(0, whole.size() / 2) + std::string(whole.size() - whole.size() / 2, '\0'),
            "zeros in the second half");
    damaged(whole + "x", "longer");
    fs::remove(file);
    passed_over(joined(name, ": removed"));
    fs::create_directory(file);
    passed_over(joined(name, ": a folder"));
    fs::remove(file);
    write_text(file, whole);
  }
  EXPECT_EQ(store.newest()->state.step, 2);
  // A manifest of another schema, one that names a file elsewhere, one of another step.
  const std::string whole = read_text(newest / "MANIFEST.json");
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, Json>>{{"schema", 2}, {"step", 3}, {"files", Json::array()}}) {
    Json manifest = Json::parse(whole);
    manifest[key] = value;
    write_text(newest / "MANIFEST.json", manifest.dump());
    passed_over(key);
  }
  fs::rename(newest, place() / "step-000007");
  write_text(place() / "step-000007/MANIFEST.json", whole);
  EXPECT_EQ(store.newest()->state.step, 1);
}

TEST_F(Store, SaysSoWhenNothingIsLeft) {
  StateStore store(place());
  store.save(state_at(1));
  write_text(place() / "step-000001/MANIFEST.json", "{}");
  expect_error([&] { store.newest(); }, ExitCode::io, "no checkpoint is valid");
}

TEST_F(Store, TheHintIsOnlyAHint) {
  StateStore store(place());
  store.save(state_at(1));
  store.save(state_at(2));
  for (const char* text : {"", "step-000001\n", "step-000009\n", "../../etc\n"}) {
    write_text(place() / "latest", text);
    EXPECT_EQ(store.newest()->state.step, 2) << text;
  }
  fs::remove(place() / "latest");
  EXPECT_EQ(store.newest()->state.step, 2);
  for (const char* name : {"step-", "step-1", "step-00000x", "step-99999999999999999999", "other"})
    fs::create_directory(place() / name);
  EXPECT_EQ(store.steps(), (std::vector<int64_t>{1, 2}));
}

TEST_F(Store, ADamagedFutureIsGoneOnceTheRunWentOn) {
  StateStore store(place(), 2);
  for (const int64_t step : {10, 20}) store.save(state_at(step));
  write_text(place() / "step-000020/MANIFEST.json", "{}");
  EXPECT_EQ(store.newest()->state.step, 10);
  store.save(state_at(15));
  EXPECT_EQ(store.steps(), (std::vector<int64_t>{10, 15}));
  EXPECT_EQ(store.newest()->state.step, 15);
  EXPECT_TRUE(store.newest()->notes.empty());
}

TEST_F(Store, RefusesWhereThereIsNoRoom) {
  StateStore store(place());
  store.save(state_at(1));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    store.save(state_at(2, 100000));
  } catch (const Error& error) {
    message = error.what();
    EXPECT_EQ(error.code(), ExitCode::io);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("cannot write"), std::string::npos) << message;
  EXPECT_EQ(store.steps(), std::vector<int64_t>{1});
  EXPECT_EQ(names().size(), 2u);  // latest and step-000001
}

TEST_F(Store, SurvivesSigkillInTheMiddleOfSaves) {
  constexpr size_t kBytes = 200000;
  int64_t last = 0;
  int advanced = 0;
  for (int round = 0; round < 25; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        StateStore store(place());
        for (int64_t step = last + 1;; ++step) store.save(state_at(step, kBytes));
      } catch (...) {
      }
      ::_exit(1);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(2000 + round * 1700));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
    const StateStore store(place());
    const auto found = store.newest();
    if (!found) {
      ASSERT_EQ(last, 0) << "a checkpoint was lost";
      continue;
    }
    EXPECT_TRUE(found->notes.empty()) << found->notes[0];
    expect_state(found->state, found->state.step, kBytes);
    ASSERT_GE(found->state.step, last);
    advanced += found->state.step > last;
    last = found->state.step;
    // A kill between the rename and the removal of the oldest leaves one more.
    EXPECT_LE(store.steps().size(), 2u + size_t(round) + 1u);
    for (const std::string& name : names()) EXPECT_FALSE(name.starts_with(".")) << name;
  }
  StateStore(place()).save(state_at(last + 1, kBytes));  // a save that ends puts all in order
  EXPECT_EQ(StateStore(place()).steps(), (std::vector<int64_t>{last, last + 1}));
  EXPECT_GT(advanced, 2);
}

}  // namespace
}  // namespace hone::checkpoints
