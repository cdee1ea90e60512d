// tekken.json: loaded, and a few texts encoded and decoded with what came of it.
#include "tests/fuzz/tokenizer_use.h"

namespace hone::test {
namespace {

bool tekken(std::string_view bytes) {
  static const TemporaryFolder folder;
  const fs::path path = folder.write("tekken.json", std::string(bytes));
  return accepted([&] { use_tokenizer(data::Tokenizer::load(path)); });
}

const FuzzTarget target("tekken", tekken);

}  // namespace
}  // namespace hone::test
