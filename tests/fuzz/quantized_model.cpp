// A model directory whose weights somebody quantised: the file of tensors, each weight's quantisation state among them.
#include "checkpoints/base/model_directory.h"
#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

using namespace checkpoints;

bool quantized_model(std::string_view bytes) {
  static const TemporaryFolder folder;
  static const fs::path config = folder.write("config.json", "{}");
  folder.write("model.safetensors", std::string(bytes));
  bool any = false;
  accepted([&] {
    const ModelDirectory model(config.parent_path());
    model.fingerprint();
    for (const std::string& name : model.names()) {
      accepted([&] {
        const std::optional<Nf4Record> record = model.nf4(name);
        if (!record) return;
        any = true;
        const int64_t elements = record->rows * record->width, blocks = (elements + 63) / 64;
        check(record->rows > 0 && record->width > 0, "shape");
        check(int64_t(record->nested ? record->absmax_codes.size() : record->absmax.size()) == blocks,
              "a scale a block");
        if (record->nested)
          check(int64_t(record->nested_absmax.size()) == (blocks + 255) / 256 && record->nested_map.size() == 256,
                "nested scales");
        std::vector<std::byte> codes(size_t((elements + 1) / 2));
        record->read_codes(0, codes);
      });
    }
  });
  return any;
}

const FuzzTarget target("quantized_model", quantized_model);

}  // namespace
}  // namespace hone::test
