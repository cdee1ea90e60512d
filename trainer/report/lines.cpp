#include "trainer/report/lines.h"

#include <algorithm>
#include <utility>

#include "trainer/report/cells.h"

namespace hone::trainer {

namespace {
std::string coloured(const std::string& words, const char* colour, const DisplayStyle& style) {
  return style.colour && *colour ? colour + words + "\x1b[0m" : words;
}
}  // namespace

Lines::Lines(const DisplayStyle& style) : style_(style), columns_(std::max(style.width, 20)) {}

void Lines::add(const Piece& label, const std::vector<Piece>& pieces, int hanging) {
  line_ = coloured(label.text, label.colour, style_), used_ = cells(label.text), first_ = true;
  indent_ = kIndent, hanging_ = hanging;
  for (const Piece& piece : pieces) {
    std::string rest = printable(style_.utf8 ? piece.text : plain_ascii(piece.text));
    while (!rest.empty()) {
      const int room = columns_ - (first_ ? std::max(indent_, used_ + 1) : used_ + 3);
      if (cells(rest) <= room) {
        put(std::exchange(rest, {}), piece.colour);
      } else if (!first_) {
        end_line();
      } else {
        std::string part = fitted(rest, room);
        if (const size_t space = part.rfind(' '); rest[part.size()] != ' ' && space != part.npos) part.resize(space);
        rest.erase(0, std::min(rest.find_first_not_of(' ', part.size()), rest.size()));
        put(part, piece.colour);
        end_line();
      }
    }
  }
  if (used_ > 0) end_line();
}

void Lines::put(const std::string& words, const char* colour) {
  const int gap = first_ ? std::max(1, indent_ - used_) : 3;
  line_ += std::string(size_t(gap), ' ') + coloured(words, colour, style_);
  used_ += gap + cells(words), first_ = false;
}

void Lines::end_line() {
  text_ += line_ + "\n";
  line_.clear(), used_ = 0, first_ = true;
  indent_ = kIndent + hanging_;
}

}  // namespace hone::trainer
