#include "data/tokenizer/splitters/character_class.h"

#include <memory>
#include <string>
#include <utility>

#include "data/tokenizer/pattern.h"
#include "data/tokenizer/unicode.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr char32_t kClassified = 0x40000;  // from here on Unicode has no letters, numbers or spaces

// Asks Oniguruma, once a process and in some milliseconds: its version decides what a letter is.
template <class Class, size_t kCount>
std::unique_ptr<const std::array<Class, kClassified>> ask_for(
    const std::array<std::pair<const char*, Class>, kCount>& classes) {
  std::string all;
  for (char32_t point = 0; point < kClassified; ++point)
    if (point < 0xD800 || point > 0xDFFF) append_utf8(all, point);
  auto table = std::make_unique<std::array<Class, kClassified>>();
  for (const auto& [expression, kind] : classes) {
    std::vector<Range> matches;
    Pattern::regex(expression, "[tokenizer] classes of characters").find(all, matches);
    for (const Range match : matches) {
      for (uint32_t at = match.begin; at < match.end;) {
        const CodePoint point = code_point_at(all, at);
        (*table)[point.value] = kind;
        at += point.length;
      }
    }
  }
  return table;
}
}  // namespace

CharacterClass class_of(char32_t point) {
  static const auto table =
      ask_for(std::to_array<std::pair<const char*, CharacterClass>>({{"\\p{L}+", CharacterClass::letter},
                                                                     {"\\p{N}+", CharacterClass::number},
                                                                     {"\\s+", CharacterClass::space},
                                                                     {"[\\r\\n]+", CharacterClass::line_end}}));
  return point < kClassified ? (*table)[point] : CharacterClass::other;
}

WordPart wide_word_part(char32_t point) {
  static const auto table =
      ask_for(std::to_array<std::pair<const char*, WordPart>>({{"[\\p{Lu}\\p{Lt}]+", WordPart::upper},
                                                               {"\\p{Ll}+", WordPart::lower},
                                                               {"[\\p{Lm}\\p{Lo}\\p{M}]+", WordPart::either}}));
  if (point < kClassified) return (*table)[point];
  return point >= 0xE0100 && point <= 0xE01EF ? WordPart::either : WordPart::none;  // variation selectors are marks
}

Character wide_character_at(std::string_view text, size_t at) {
  const CodePoint point = code_point_at(text, at);
  return {class_of(point.value), point.length};
}

}  // namespace hone::data
