// The pre-tokenizer of tokenizer.json: cuts normalised text into the pieces inside which BPE merges.
//   const PreTokenizer split = read_pre_tokenizer(view.at("pre_tokenizer"));
//   PreTokens tokens("Hello there", true);
//   split(tokens);                                  // ByteLevel: "Hello", "Ġthere"
// Kinds: ByteLevel, Split (every behaviour), Metaspace, Digits, Whitespace, WhitespaceSplit, Punctuation,
// CharDelimiterSplit, Sequence. Others are refused (ExitCode::input).
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/pattern.h"
#include "kernels/host/json.h"

namespace hone::data {

struct PreTokens {
  PreTokens(std::string whole, bool starts) : text(std::move(whole)), at_start(starts) {
    if (!text.empty()) pieces.push_back({0, uint32_t(text.size())});
  }
  std::string_view piece(size_t i) const {
    return std::string_view(text).substr(pieces[i].begin, pieces[i].end - pieces[i].begin);
  }
  std::string text;
  std::vector<Range> pieces;  // of text: ascending, apart, none empty
  bool at_start;              // text[0] stands for the first byte of the whole input
};
using PreTokenizer = std::function<void(PreTokens&)>;  // const and safe to call from several threads

PreTokenizer read_pre_tokenizer(const JsonView& pre_tokenizer);

// The byte-level alphabet: printable bytes stand for themselves, the other 68 for U+0100 and on.
std::string byte_level_text(std::string_view bytes);
// Back; nothing where a code point stands for no byte.
bool bytes_of_byte_level(std::string_view text, std::string& bytes);

}  // namespace hone::data
