// Both patterns are one, but for how many digits a piece may have.
#include "data/tokenizer/splitters/scan.h"
#include "data/tokenizer/splitters/splitter.h"

namespace hone::data {

namespace {
template <int kDigits>
size_t end_of_piece(std::string_view text, size_t at) {
  const Character first = character_at(text, at);
  size_t end = at + first.length;
  if (first.kind == CharacterClass::letter) return scan::end_of_run(text, end, CharacterClass::letter);
  if (first.kind == CharacterClass::number) {
    for (int digits = 1; digits < kDigits && end < text.size(); ++digits) {
      const Character next = character_at(text, end);
      if (next.kind != CharacterClass::number) break;
      end += next.length;
    }
    return end;
  }
  if (text[at] == '\'')
    if (const size_t contraction = scan::end_of_contraction(text, at)) return contraction;
  const Character second = end < text.size() ? character_at(text, end) : Character{CharacterClass::line_end, 0};
  if (first.kind != CharacterClass::line_end && second.kind == CharacterClass::letter)
    return scan::end_of_run(text, end + second.length, CharacterClass::letter);
  if (first.kind == CharacterClass::other || (text[at] == ' ' && second.kind == CharacterClass::other)) {
    end = scan::end_of_run(text, end, CharacterClass::other);
    return scan::end_of_run(text, end, CharacterClass::line_end);
  }
  return scan::end_of_spaces<true>(text, at);
}
}  // namespace

void split_qwen2(std::string_view text, std::vector<Range>& pieces) { scan::each_piece(text, pieces, end_of_piece<1>); }
void split_llama3(std::string_view text, std::vector<Range>& pieces) {
  scan::each_piece(text, pieces, end_of_piece<3>);
}

}  // namespace hone::data
