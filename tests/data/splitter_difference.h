// Hand-written splitters beside Oniguruma, for the tests and for fuzzing.
//   EXPECT_EQ(splitter_difference("I'm here"), "");
#pragma once
#include <string>
#include <string_view>

#include "data/tokenizer/splitters/splitter.h"
#include "kernels/host/text.h"

namespace hone::test {

// Empty where every splitter cuts the text as Oniguruma does, else what differs first. Other bytes than UTF-8 are
// refused long before a splitter sees them, so here they make no difference.
inline std::string splitter_difference(std::string_view text) {
  if (!valid_utf8(text)) return {};
  static const std::vector<data::Pattern> patterns = [] {
    std::vector<data::Pattern> made;
    for (const data::KnownPattern& known : data::known_patterns())
      made.push_back(data::Pattern::oniguruma(known.expression, known.name));
    return made;
  }();
  for (size_t k = 0; k < patterns.size(); ++k) {
    const data::KnownPattern& known = data::known_patterns()[k];
    std::vector<data::Range> expected, found;
    patterns[k].find(text, expected);
    known.split(text, found);
    if (found == expected) continue;
    size_t i = 0;
    while (i < std::min(found.size(), expected.size()) && found[i] == expected[i]) ++i;
    const auto piece = [&](const std::vector<data::Range>& pieces) {
      if (i >= pieces.size()) return std::string("nothing");
      return "\"" + std::string(text.substr(pieces[i].begin, pieces[i].end - pieces[i].begin)) + "\" at byte " +
             std::to_string(pieces[i].begin);
    };
    return std::string(known.name) + ": piece " + std::to_string(i) + " should be " + piece(expected) + ", is " +
           piece(found);
  }
  return {};
}

}  // namespace hone::test
