// What the targets of tokenizers' files do with a tokenizer that was read.
#pragma once
#include <algorithm>

#include "data/tokenizer/tokenizer.h"
#include "tests/fuzz/target.h"

namespace hone::test {

inline void use_tokenizer(const data::Tokenizer& tokenizer) {
  for (const char* text : {"", " Hello  there's\n\t42\r\n", "aaaaaaaaaaaaaaaaaaaaaaaa!", "<s>ab abc<|end|>",
                           "h\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87 \xF0\x9F\x98\x80\xCC\x81"}) {
    const std::string_view view = text;
    const data::Range all{0, uint32_t(view.size())};
    for (const data::SpecialTokens special : {data::SpecialTokens::parse, data::SpecialTokens::text}) {
      const std::vector<int32_t> ids = tokenizer.encode(text, special);
      for (const int32_t id : ids) check(id >= 0 && id < tokenizer.vocabulary(), "ids are of the vocabulary");
      check(ids == tokenizer.encode(text, special), "the same text, the same ids");
      tokenizer.decode(ids), tokenizer.decode(ids, true);
      const bool parse = special == data::SpecialTokens::parse;
      std::vector<uint32_t> places(view.size() + 1);
      for (uint32_t i = 0; i < places.size(); ++i) places[i] = i;
      const data::MarkedIds marked =
          tokenizer.encode_marked(text, parse ? std::span<const data::Range>() : std::span(&all, 1), places);
      check(marked.tokens.size() == places.size() && std::is_sorted(marked.tokens.begin(), marked.tokens.end()) &&
                marked.tokens.back() <= marked.ids.size(),
            "a token for each place");
      check(marked.ids == ids, "places change no ids");
    }
  }
}

}  // namespace hone::test
