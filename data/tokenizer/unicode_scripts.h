// The scripts of Unicode as Hugging Face tokenizers tells them apart: kana count as Han, and a space, what is
// unassigned and what is too new for its table belong to any script.
//   script_of(U'a') == script_of(U'b');             // true; of no other script
#pragma once
#include <cstdint>

namespace hone::data {

uint8_t script_of(char32_t point);  // a number of no meaning; 0: any

}  // namespace hone::data
