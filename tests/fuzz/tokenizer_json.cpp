// tokenizer.json: loaded, and a few texts encoded and decoded with what came of it.
#include "tests/fuzz/tokenizer_use.h"

namespace hone::test {
namespace {

bool tokenizer_json(std::string_view bytes) {
  static const TemporaryFolder folder;
  const fs::path path = folder.write("tokenizer.json", std::string(bytes));
  return accepted([&] { use_tokenizer(data::Tokenizer::load(path)); });
}

const FuzzTarget target("tokenizer_json", tokenizer_json);

}  // namespace
}  // namespace hone::test
