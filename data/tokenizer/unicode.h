// Unicode as the Hugging Face tokenizers library sees it: classes of code points, normal forms, lower case.
//   normal_form("e\u0301", NormalForm::nfc);        // "é"
//   is_white_space(U'\u3000');                      // true
// All texts are valid UTF-8.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace hone::data {

enum class NormalForm { nfc, nfd, nfkc, nfkd };
// As the crate unicode-normalization-alignments does it, of code points that this crate knows; others stay as they are.
std::string normal_form(std::string_view text, NormalForm form);
bool keeps_normal_form(std::string_view text, NormalForm form);  // a quick look: true where surely nothing changes
// Whether text before this place and text from it on can be brought into the form apart. True at most characters.
bool starts_normal_form(std::string_view text, size_t at, NormalForm form);
// Code point by code point (no rule for a final sigma), as NormalizedString::lowercase.
std::string lower_case(std::string_view text);

struct CodePoint {
  char32_t value;
  uint32_t length;  // bytes
};
CodePoint code_point_at(std::string_view text, size_t at);
CodePoint code_point_before(std::string_view text, size_t end);

bool is_white_space(char32_t point);      // the property White_Space
bool is_word(char32_t point);             // \w of Rust's regex crate
bool is_numeric(char32_t point);          // the categories Nd, Nl, No
bool is_punctuation(char32_t point);      // ASCII punctuation and the categories P
bool is_combining_mark(char32_t point);   // the categories M, for StripAccents
bool is_nonspacing_mark(char32_t point);  // the category Mn, for BertNormalizer
bool is_control(char32_t point);          // the categories Cc, Cf and Co but tab and line ends, for BertNormalizer
// Where the grapheme cluster ends that begins at a place (Unicode Standard Annex 29, extended).
size_t end_of_grapheme(std::string_view text, size_t at);

// Replaces code points that this machine's Oniguruma may not know by known ones of the same category and length.
std::string with_stand_ins(std::string_view text);
bool needs_stand_ins(std::string_view text);

// For messages about a file's content: its first 60 bytes or so, whole code points.
std::string excerpt(std::string_view text);

// Bytes as text: what is not valid UTF-8 becomes U+FFFD, one for each maximal broken sequence (Rust's from_utf8_lossy).
std::string lossy_utf8(std::string_view bytes);

}  // namespace hone::data
