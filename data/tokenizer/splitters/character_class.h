// The classes of characters that split patterns name, as Oniguruma has them: \p{L}, \p{N}, \s, [\r\n].
//   character_at("één", 0)                          // {CharacterClass::letter, 2}
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace hone::data {

enum class CharacterClass : uint8_t { other, letter, number, space, line_end };  // line_end: \r and \n, also spaces

struct Character {
  CharacterClass kind;
  uint32_t length;  // bytes
};

CharacterClass class_of(char32_t point);

// What a character may be in a word that is cut where its case changes: \p{Lu}\p{Lt}, \p{Ll}, or \p{Lm}\p{Lo}\p{M},
// which are of either case.
enum class WordPart : uint8_t { none, upper, lower, either };
WordPart wide_word_part(char32_t point);
inline WordPart word_part_of(char32_t point) {
  if (point >= 128) return wide_word_part(point);
  return point >= 'a' && point <= 'z'   ? WordPart::lower
         : point >= 'A' && point <= 'Z' ? WordPart::upper
                                        : WordPart::none;
}
Character wide_character_at(std::string_view text, size_t at);  // of two bytes or more

inline constexpr std::array<CharacterClass, 128> kAsciiClasses = [] {
  std::array<CharacterClass, 128> classes{};
  for (int c = 'a'; c <= 'z'; ++c) classes[size_t(c)] = classes[size_t(c - 'a' + 'A')] = CharacterClass::letter;
  for (int c = '0'; c <= '9'; ++c) classes[size_t(c)] = CharacterClass::number;
  for (const char c : {' ', '\t', '\v', '\f'}) classes[size_t(c)] = CharacterClass::space;
  for (const char c : {'\r', '\n'}) classes[size_t(c)] = CharacterClass::line_end;
  return classes;
}();

// `text` is valid UTF-8, `at` the first byte of a character.
inline Character character_at(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  return byte < 128 ? Character{kAsciiClasses[byte], 1} : wide_character_at(text, at);
}

}  // namespace hone::data
