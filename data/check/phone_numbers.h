// Telephone numbers as people write them: international (+49 30 1234567), North American (415-555-2671), and any other
// where a word before it says so (Tel.: 030 1234567).
#pragma once
#include <cstddef>
#include <string_view>

namespace hone::data {

// The end of the number that begins at `begin` (a digit, '+' or '('); 0 where none does.
size_t phone_number(std::string_view text, size_t begin);

}  // namespace hone::data
