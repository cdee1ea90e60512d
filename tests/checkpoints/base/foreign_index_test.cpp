// model.safetensors.index.json as an attacker writes it: what is refused, and that nothing outside of the model's
// folder is opened on the way. The kernel itself reports every opening (inotify).
#include <sys/inotify.h>
#include <unistd.h>

#include <array>

#include "checkpoints/base/model_directory.h"
#include "tests/checkpoints/support.h"

namespace hone::checkpoints {
namespace {

using test::expect_error, test::TemporaryFolder;

// Counts openings of what lies in a folder, and of a file.
class Openings {
 public:
  explicit Openings(const std::vector<fs::path>& watched) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    for (const fs::path& path : watched)
      require(::inotify_add_watch(fd_, path.c_str(), IN_OPEN) >= 0, "cannot watch ", path);
  }
  Openings(const Openings&) = delete;
  ~Openings() { ::close(fd_); }
  int take() {
    alignas(inotify_event) std::array<char, 4096> buffer{};
    int count = 0;
    for (ssize_t held; (held = ::read(fd_, buffer.data(), buffer.size())) > 0;) ++count;
    return count;
  }

 private:
  int fd_;
};

class ForeignIndex : public ::testing::Test {
 protected:
  ForeignIndex() {
    fs::create_directories(folder_ / "model");
    fs::create_directories(folder_ / "outside");
    folder_.write("model/config.json", "{}");
    write_safetensors(folder_ / "model/1.safetensors",
                      {host_tensor("a", {1}, std::vector{1.f}), host_tensor("b", {1}, std::vector{2.f})});
    write_safetensors(folder_ / "model/2.safetensors", {host_tensor("c", {1}, std::vector{3.f})});
    write_safetensors(folder_ / "outside/2.safetensors", {host_tensor("c", {1}, std::vector{4.f})});
  }
  void index(const Json& map) { folder_.write("model/model.safetensors.index.json", Json{{"weight_map", map}}.dump()); }
  void refused(const Json& map, const std::string& words) {
    index(map);
    expect_error([&] { ModelDirectory model(folder_ / "model"); }, ExitCode::input, words);
  }
  TemporaryFolder folder_;
  const Json good_{{"a", "1.safetensors"}, {"b", "1.safetensors"}, {"c", "2.safetensors"}};
};

TEST_F(ForeignIndex, OpensNothingOutside) {
  Openings openings({folder_ / "outside", "/etc/passwd"});
  { InputFile seen(folder_ / "outside/2.safetensors"); }
  { InputFile seen("/etc/passwd"); }
  ASSERT_GT(openings.take(), 0) << "the watch sees nothing";
  index(good_);
  EXPECT_EQ(ModelDirectory(folder_ / "model").names().size(), 3u);
  for (const std::string& shard :
       {std::string("../outside/2.safetensors"), (folder_ / "outside/2.safetensors").string(),
        std::string("./../outside/2.safetensors"), std::string("/etc/passwd"), std::string("../../../etc/passwd"),
        std::string("..\\outside\\2.safetensors")}) {
    Json map = good_;
    map["c"] = shard;
    refused(map, "expected the bare name of a .safetensors file in the same folder");
  }
  fs::rename(folder_ / "model/2.safetensors", folder_ / "kept");
  fs::create_symlink(folder_ / "outside/2.safetensors", folder_ / "model/2.safetensors");
  refused(good_, "a link out of the model directory");
  fs::remove(folder_ / "model/2.safetensors");
  fs::create_symlink("/etc/passwd", folder_ / "model/2.safetensors");
  refused(good_, "a link out of the model directory");
  EXPECT_EQ(openings.take(), 0) << "a file outside of the model directory was opened";
}

TEST_F(ForeignIndex, NamesWhatDoesNotFit) {
  Json map = good_;
  map["c"] = "3.safetensors";
  refused(map, "3.safetensors");  // a shard that is not there
  map = good_, map["d"] = "2.safetensors";
  refused(map, "tensor d is not in 2.safetensors");
  map = good_, map.erase("b");
  refused(map, "tensor b: the index does not list it");
  map = good_, map["b"] = "2.safetensors";
  refused(map, "tensor b: the index says it is in another shard");
  // In both shards, whichever the index names.
  write_safetensors(folder_ / "model/2.safetensors",
                    {host_tensor("b", {1}, std::vector{9.f}), host_tensor("c", {1}, std::vector{3.f})});
  refused(good_, "2.safetensors: tensor b: the index says it is in another shard");
  map = good_, map["b"] = "2.safetensors";
  refused(map, "1.safetensors: tensor b: the index says it is in another shard");
  // Named twice in the index itself.
  folder_.write("model/model.safetensors.index.json",
                R"({"weight_map": {"c": "2.safetensors", "c": "1.safetensors"}})");
  expect_error([&] { ModelDirectory model(folder_ / "model"); }, ExitCode::input, "a key occurs twice");
}

}  // namespace
}  // namespace hone::checkpoints
