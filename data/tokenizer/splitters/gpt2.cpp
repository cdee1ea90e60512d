#include "data/tokenizer/splitters/scan.h"
#include "data/tokenizer/splitters/splitter.h"

namespace hone::data {

namespace {
// 's|'t|'re|'ve|'m|'ll|'d at an apostrophe; 0 where none of them is there.
size_t end_of_contraction(std::string_view text, size_t at) {
  const std::string_view next = text.substr(at + 1, 2);
  if (next.empty()) return 0;
  if (next[0] == 's' || next[0] == 't' || next[0] == 'm' || next[0] == 'd') return at + 2;
  return next == "re" || next == "ve" || next == "ll" ? at + 3 : 0;
}

size_t end_of_piece(std::string_view text, size_t at) {
  if (text[at] == '\'')
    if (const size_t end = end_of_contraction(text, at)) return end;
  Character first = character_at(text, at);
  size_t word = at;
  if (text[at] == ' ' && at + 1 < text.size()) {  // one space goes with what follows
    if (const Character next = character_at(text, at + 1); !scan::is_space(next.kind)) first = next, word = at + 1;
  }
  if (scan::is_space(first.kind)) return scan::end_of_spaces<false>(text, at);
  return scan::end_of_run(text, word + first.length, first.kind);
}
}  // namespace

void split_gpt2(std::string_view text, std::vector<Range>& pieces) { scan::each_piece(text, pieces, end_of_piece); }

}  // namespace hone::data
