// The patterns of gpt-oss (o200k) and of Mistral's Tekken: words end where their case changes. Both are one, but for
// English contractions and how many digits a piece may have.
#include "data/tokenizer/splitters/scan.h"
#include "data/tokenizer/splitters/splitter.h"
#include "data/tokenizer/unicode.h"

namespace hone::data {

namespace {
// [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ at a place, 0 where it is not there; and where the first
// run ends, for the words of capitals alone.
struct Word {
  size_t end, capitals;
};
Word word_at(std::string_view text, size_t at) {
  size_t either_end = 0;
  CodePoint next{0, 0};
  WordPart part = WordPart::none;
  for (; at < text.size(); at += next.length) {
    next = code_point_at(text, at);
    part = word_part_of(next.value);
    if (part != WordPart::upper && part != WordPart::either) break;
    if (part == WordPart::either) either_end = at + next.length;
    part = WordPart::none;
  }
  const size_t capitals = at;
  if (part != WordPart::lower) return {either_end, capitals};  // goes back to the last that may be small
  while (at < text.size()) {
    next = code_point_at(text, at);
    part = word_part_of(next.value);
    if (part != WordPart::lower && part != WordPart::either) break;
    at += next.length;
  }
  return {at, capitals};
}

template <int kDigits, bool kContractions>
size_t end_of_piece(std::string_view text, size_t at) {
  const auto with_contraction = [&](size_t end) {
    if (!kContractions || end >= text.size() || text[end] != '\'') return end;
    const size_t contraction = scan::end_of_contraction(text, end);
    return contraction ? contraction : end;
  };
  const Character first = character_at(text, at);
  size_t end = at + first.length;
  if (first.kind == CharacterClass::number) {
    for (int digits = 1; digits < kDigits && end < text.size(); ++digits) {
      const Character next = character_at(text, end);
      if (next.kind != CharacterClass::number) break;
      end += next.length;
    }
    return end;
  }
  if (first.kind != CharacterClass::line_end) {
    const bool leads =
        first.kind != CharacterClass::letter;  // a character of any other kind goes with the word after it
    const Word after = leads ? word_at(text, end) : Word{0, 0};
    if (after.end) return with_contraction(after.end);
    // A mark is both: what goes with a word, and a word.
    const Word here = leads && first.length == 1 ? Word{0, at} : word_at(text, at);
    if (here.end) return with_contraction(here.end);
    if (leads && after.capitals > end) return with_contraction(after.capitals);
    if (here.capitals > at) return with_contraction(here.capitals);
  }
  const Character second = end < text.size() ? character_at(text, end) : Character{CharacterClass::line_end, 0};
  if (first.kind == CharacterClass::other || (text[at] == ' ' && second.kind == CharacterClass::other)) {
    end = scan::end_of_run(text, end, CharacterClass::other);
    while (end < text.size() && (text[end] == '\r' || text[end] == '\n' || text[end] == '/')) ++end;
    return end;
  }
  return scan::end_of_spaces<true>(text, at);
}
}  // namespace

void split_o200k(std::string_view text, std::vector<Range>& pieces) {
  scan::each_piece(text, pieces, end_of_piece<3, true>);
}
void split_tekken(std::string_view text, std::vector<Range>& pieces) {
  scan::each_piece(text, pieces, end_of_piece<1, false>);
}

}  // namespace hone::data
