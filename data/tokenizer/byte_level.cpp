#include "data/tokenizer/byte_level.h"

#include <array>

#include "data/tokenizer/unicode.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr std::array<char32_t, 256> kLetters = [] {
  std::array<char32_t, 256> letters{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    letters[byte] = itself ? byte : next++;
  }
  return letters;
}();
}  // namespace

char32_t byte_level_letter(unsigned char byte) { return kLetters[byte]; }

std::string byte_level_text(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(text, byte_level_letter(static_cast<unsigned char>(byte)));
  return text;
}

bool bytes_of_byte_level(std::string_view text, std::string& bytes) {
  static const std::array<int, 0x144> values = [] {
    std::array<int, 0x144> made;
    made.fill(-1);
    for (int byte = 0; byte < 256; ++byte) made[kLetters[size_t(byte)]] = byte;
    return made;
  }();
  const size_t before = bytes.size();
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (point.value >= values.size() || values[point.value] < 0) {
      bytes.resize(before);
      return false;
    }
    bytes += char(values[point.value]);
    at += point.length;
  }
  return true;
}

}  // namespace hone::data
