// A row of training data as a terminal shows it: grey what is only read, green what is learned, special tokens in
// reverse. A bar at a line's beginning says that something of it is learned, too; without colour, brackets.
//   std::cout << row_view(rendered(row, tokenizer), {.width = 80}, 40);
//     ┃ «<|im_start|>»assistant
//     ┃ ⟦4«<|im_end|>»⟧
// Text of others cannot steer the terminal: control characters and those that turn the direction are shown as signs.
#pragma once
#include <string>
#include <vector>

#include "data/check/rendered_row.h"
#include "trainer/report/display.h"

namespace hone::trainer {

// Lines that end in '\n', no wider than the screen. Of more than `most` lines those in the middle are left out, which a
// line says. A space at a line's end, or before a special token, is a dot.
std::string row_view(const std::vector<data::RowSpan>& spans, const DisplayStyle& style, int most);
// What the signs mean, one line.
std::string row_legend(const DisplayStyle& style);

}  // namespace hone::trainer
