// A PEFT adapter: adapter_config.json beside matrices of rank 2 for two modules.
#include <cmath>

#include "checkpoints/formats/peft.h"
#include "checkpoints/formats/safetensors.h"
#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

using namespace checkpoints;

bool adapter_config(std::string_view bytes) {
  static const TemporaryFolder folder;
  static const bool made = [] {
    std::vector<HostTensor> tensors;
    for (const std::string module : {"model.layers.0.self_attn.q_proj", "model.layers.10.mlp.up_proj"}) {
      tensors.push_back(host_tensor("base_model.model." + module + ".lora_A.weight", {2, 3}, std::vector<float>(6, 1)));
      tensors.push_back(host_tensor("base_model.model." + module + ".lora_B.weight", {1, 2}, std::vector<float>(2, 1)));
    }
    write_safetensors(folder / "adapter_model.safetensors", tensors);
    return true;
  }();
  folder.write("adapter_config.json", std::string(bytes));
  return accepted([&] {
    check(made, "matrices");
    const LoraAdapter adapter = read_adapter(folder.path());
    check(adapter.modules.size() == 2, "both modules");
    for (const LoraModule& module : adapter.modules) {
      check(module.rank == 2 && module.a.size() == 6 && module.b.size() == 2, "shapes");
      check(std::isfinite(adapter.scale(module)), "scale");
    }
  });
}

const FuzzTarget target("adapter_config", adapter_config);

}  // namespace
}  // namespace hone::test
