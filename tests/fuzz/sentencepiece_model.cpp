// tokenizer.model of SentencePiece: loaded, and a few texts encoded and decoded with what came of it.
#include "tests/fuzz/tokenizer_use.h"

namespace hone::test {
namespace {

bool sentencepiece_model(std::string_view bytes) {
  static const TemporaryFolder folder;
  const fs::path path = folder.write("tokenizer.model", std::string(bytes));
  return accepted([&] { use_tokenizer(data::Tokenizer::load(path)); });
}

const FuzzTarget target("sentencepiece_model", sentencepiece_model);

}  // namespace
}  // namespace hone::test
