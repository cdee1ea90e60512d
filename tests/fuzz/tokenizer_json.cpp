// tokenizer.json: loaded, and a few texts encoded and decoded with what came of it.
#include "data/tokenizer/tokenizer.h"

#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

bool tokenizer_json(std::string_view bytes) {
  static const TemporaryFolder folder;
  const fs::path path = folder.write("tokenizer.json", std::string(bytes));
  return accepted([&] {
    const data::Tokenizer tokenizer = data::Tokenizer::load(path);
    for (const char* text : {"", " Hello  there's\n\t42\r\n", "aaaaaaaaaaaaaaaaaaaaaaaa!", "<s>ab abc<|end|>",
                             "h\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87 \xF0\x9F\x98\x80\xCC\x81"}) {
      for (const data::SpecialTokens special : {data::SpecialTokens::parse, data::SpecialTokens::text}) {
        const std::vector<int32_t> ids = tokenizer.encode(text, special);
        for (const int32_t id : ids) check(id >= 0 && id < tokenizer.vocabulary(), "ids are of the vocabulary");
        check(ids == tokenizer.encode(text, special), "the same text, the same ids");
        tokenizer.decode(ids), tokenizer.decode(ids, true);
      }
    }
  });
}

const FuzzTarget target("tokenizer_json", tokenizer_json);

}  // namespace
}  // namespace hone::test
