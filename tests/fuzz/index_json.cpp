// model.safetensors.index.json beside two shards: 1.safetensors with "a" and "b", 2.safetensors with "c".
#include "checkpoints/base/model_directory.h"
#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

using namespace checkpoints;

bool index_json(std::string_view bytes) {
  static const TemporaryFolder folder;
  static const bool made = [] {
    fs::create_directory(folder / "model");
    folder.write("model/config.json", "{}");
    write_safetensors(folder / "model/1.safetensors",
                      {host_tensor("a", {2}, std::vector{1.f, 2.f}), host_tensor("b", {}, std::vector{3.f})});
    write_safetensors(folder / "model/2.safetensors", {host_tensor("c", {1}, std::vector{4.f})});
    write_safetensors(folder / "outside.safetensors", {host_tensor("c", {1}, std::vector{5.f})});
    return true;
  }();
  folder.write("model/model.safetensors.index.json", std::string(bytes));
  return accepted([&] {
    check(made, "shards");
    const ModelDirectory model(folder / "model");
    for (const std::string& name : model.names()) {
      check(name == "a" || name == "b" || name == "c", "only what the shards hold");
      std::vector<float> first(1);
      model.read_float32(name, 0, first);
      check(first[0] == (name == "a" ? 1 : name == "b" ? 3 : 4), "the value of the shard in the folder");
    }
    check(model.has("a") == model.has("b"), "a shard is read whole");
    check(!model.names().empty(), "an index names something");
  });
}

const FuzzTarget target("index_json", index_json);

}  // namespace
}  // namespace hone::test
