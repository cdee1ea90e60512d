// What the splitters have in common. All take a text in valid UTF-8 and the place of a character, and give the place
// where something ends.
#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

#include "data/tokenizer/pattern.h"
#include "data/tokenizer/splitters/character_class.h"

namespace hone::data::scan {

inline bool is_space(CharacterClass kind) { return kind == CharacterClass::space || kind == CharacterClass::line_end; }

inline size_t end_of_run(std::string_view text, size_t at, CharacterClass kind) {
  while (at < text.size()) {
    const Character next = character_at(text, at);
    if (next.kind != kind) break;
    at += next.length;
  }
  return at;
}

// \s+(?!\S)|\s+ at a space: the run of spaces, without its last one where a word follows and that leaves any.
// With line ends, \s*[\r\n]+|\s+(?!\S)|\s+: up to the run's last line end where it has one.
template <bool kWithLineEnds>
size_t end_of_spaces(std::string_view text, size_t at) {
  size_t last = at, end = at, after_line_end = at;
  for (const size_t begin = at; end < text.size();) {
    const Character next = character_at(text, end);
    if (!is_space(next.kind)) return after_line_end > begin ? after_line_end : last > begin ? last : end;
    last = end;
    end += next.length;
    if (kWithLineEnds && next.kind == CharacterClass::line_end) after_line_end = end;
  }
  return after_line_end > at ? after_line_end : end;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d) at an apostrophe; 0 where none of them is there. Without regard to case, Oniguruma has
// U+017F, the long s, for an s; no other character folds to one of these letters.
inline size_t end_of_contraction(std::string_view text, size_t at) {
  const auto lower = [&](size_t i) { return i < text.size() ? char(text[i] | 0x20) : '\0'; };  // right for letters
  const char first = lower(at + 1), second = lower(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return at + 3;
  if (first == 'l' && second == 'l') return at + 3;
  return text.substr(at + 1, 2) == "\u017F" ? at + 3 : 0;
}

// Cuts a text by a function that gives the end of the piece that begins at a place.
template <class EndOfPiece>
void each_piece(std::string_view text, std::vector<Range>& pieces, EndOfPiece end_of_piece) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = end_of_piece(text, at);
    pieces.push_back({uint32_t(at), uint32_t(end)});
    at = end;
  }
}

}  // namespace hone::data::scan
