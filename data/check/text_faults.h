// What is wrong with a text as characters: signs of a wrong decoding, characters that no text needs.
//   text_faults("fÃ¼r").mojibake;     // true
#pragma once
#include <string_view>

namespace hone::data {

struct TextFaults {
  bool replacement = false;  // U+FFFD
  bool mojibake = false;     // UTF-8 that was read as Latin-1 or Windows-1252 and written as UTF-8 again
  bool control = false;      // C0 but tab, line feed, carriage return; DEL; C1 but next line (U+0085)
};
// Of valid UTF-8; other bytes are passed over.
TextFaults text_faults(std::string_view text);

}  // namespace hone::data
