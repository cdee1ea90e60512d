// Where the Unicode versions of this machine's libraries and of Hugging Face tokenizers differ. Splitting and normal
// forms must be what the tokenizer was trained with, so the newer or older code points are listed here by hand.
//   stand_in_ranges        letters, marks, numbers, punctuation and symbols that Unicode 15 to 16 added: tokenizers
//                          knows them in regular expressions, an older Oniguruma does not. Each has a stand-in of the
//                          same category and the same length in UTF-8; like it a pictograph or not, and in or outside
//                          of the ranges that published patterns name (DeepSeek's [\u0800-\u4e00]).
//   unnormalised_ranges    code points that the normal forms of tokenizers (an older Unicode) leave alone
//   not_punctuation_ranges punctuation that is too new for tokenizers' own table of it
//   not_nonspacing_ranges, not_mark_ranges  marks too new for its BertNormalizer and its StripAccents
#pragma once
#include <span>

namespace hone::data {

struct CodePointRange {
  char32_t first, last;
};
struct StandInRange {
  char32_t first, last, stand_in;
};

std::span<const StandInRange> stand_in_ranges();           // ascending
std::span<const CodePointRange> unnormalised_ranges();     // ascending
std::span<const CodePointRange> not_punctuation_ranges();  // ascending
std::span<const CodePointRange> not_nonspacing_ranges();   // ascending
std::span<const CodePointRange> not_mark_ranges();         // ascending

}  // namespace hone::data
