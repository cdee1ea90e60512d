// Text as a terminal shows it: how many columns it takes, how to make it fit.
//   cells("1.61 → 1.13");          // 11
//   fitted("anlässlich", 6);       // "anläss"
//   plain_ascii("1.61 → 1.13 …");  // "1.61 -> 1.13 ..."
#pragma once
#include <string>
#include <string_view>

namespace hone::trainer {

// Columns of UTF-8 text without control characters; wide characters take two, combining ones none.
int cells(std::string_view text);
// The longest beginning that takes at most `width` columns.
std::string fitted(std::string_view text, int width);
// What hone itself writes, for a terminal that knows ASCII alone: arrows, dashes, dots and bars in other words. Letters
// of other scripts stay.
std::string plain_ascii(std::string_view text);
// Text of others for a terminal: control characters become spaces, so that it cannot steer the terminal.
std::string printable(std::string_view text);

}  // namespace hone::trainer
