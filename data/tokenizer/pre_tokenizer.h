// The pre-tokenizer of tokenizer.json: cuts normalised text into the pieces inside which BPE merges.
//   const PreTokenizer split = read_pre_tokenizer(view.at("pre_tokenizer"));
//   PreTokens tokens("Hello there", true);
//   split.cut(tokens);                              // ByteLevel: "Hello", " there", of Alphabet::bytes
// Kinds: ByteLevel, Split (every behaviour), Metaspace, Digits, Whitespace, WhitespaceSplit, Punctuation,
// CharDelimiterSplit, BertPreTokenizer, UnicodeScripts, FixedLength, Sequence. Others are refused (ExitCode::input).
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/pattern.h"
#include "kernels/host/json.h"

namespace hone::data {

struct PreTokens {
  PreTokens(std::string whole, bool starts, std::vector<uint32_t> places = {})
      : text(std::move(whole)), marks(std::move(places)), at_start(starts) {
    if (!text.empty()) pieces.push_back({0, uint32_t(text.size())});
  }
  std::string_view piece(size_t i) const {
    return std::string_view(text).substr(pieces[i].begin, pieces[i].end - pieces[i].begin);
  }
  std::string text;
  std::vector<Range> pieces;    // of text: ascending, apart, none empty
  std::vector<uint32_t> marks;  // places in the text, ascending; a change carries them along
  bool at_start;                // text[0] stands for the first byte of the whole input
};
using Cut = std::function<void(PreTokens&)>;  // const and safe to call from several threads
struct PreTokenizer {
  Cut cut;                                   // null: the text stays whole
  Alphabet alphabet = Alphabet::characters;  // of the pieces that it leaves
};

PreTokenizer read_pre_tokenizer(const JsonView& pre_tokenizer);
PreTokenizer byte_level_pre_tokenizer(Pattern pattern);  // each match a piece, and what is between, of bytes

}  // namespace hone::data
