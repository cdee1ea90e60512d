// A safetensors file: header, places, values.
#include "checkpoints/formats/safetensors.h"

#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

using namespace checkpoints;

bool safetensors(std::string_view bytes) {
  static const TemporaryFolder folder;
  return accepted([&] {
    const SafetensorsFile file(folder.write("file.safetensors", std::string(bytes)));
    uint64_t at = 0;
    for (const TensorInfo& info : file.tensors()) {
      check(info.begin == at && info.end >= info.begin, "tensors lie one after another");
      check(uint64_t(info.elements()) * uint64_t(bits_of(info.dtype)) == (info.end - info.begin) * 8, "size");
      check(file.find(info.name) == &info, "every name is found");
      at = info.end;
      std::vector<std::byte> whole(info.end - info.begin);
      file.read(info, 0, whole);
      const size_t half = whole.size() / 2;
      std::vector<std::byte> rest(whole.size() - half);
      file.read(info, half, rest);
      check(std::equal(rest.begin(), rest.end(), whole.begin() + int64_t(half)), "pieces are parts of the whole");
      std::vector<float> values(size_t(info.elements()));
      accepted([&] { file.read_float32(info, 0, values); });  // or refused: not finite, another type
    }
    check(8 + file.header().size() + at == bytes.size(), "no byte belongs to nothing");
  });
}

const FuzzTarget target("safetensors", safetensors);

}  // namespace
}  // namespace hone::test
