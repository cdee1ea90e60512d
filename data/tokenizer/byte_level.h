// The byte-level alphabet of GPT-2, in which tokens are written: printable bytes stand for themselves, the other 68 for
// U+0100 and on.
//   byte_level_text(" é")                           // "ĠÃ©"
#pragma once
#include <string>
#include <string_view>

namespace hone::data {

enum class Alphabet {
  characters,  // a piece is text
  bytes,       // a piece is bytes, each in the place of its byte-level letter
};

char32_t byte_level_letter(unsigned char byte);
std::string byte_level_text(std::string_view bytes);
// Back; nothing where a code point stands for no byte.
bool bytes_of_byte_level(std::string_view text, std::string& bytes);

}  // namespace hone::data
