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

using Table = std::array<CharacterClass, kClassified>;

// Asks Oniguruma, once a process and in some milliseconds: its version decides what a letter is.
std::unique_ptr<const Table> ask_for_classes() {
  std::string all;
  for (char32_t point = 0; point < kClassified; ++point)
    if (point < 0xD800 || point > 0xDFFF) append_utf8(all, point);
  auto classes = std::make_unique<Table>();
  for (const auto& [expression, kind] : {std::pair{"\\p{L}+", CharacterClass::letter},
                                         {"\\p{N}+", CharacterClass::number},
                                         {"\\s+", CharacterClass::space},
                                         {"[\\r\\n]+", CharacterClass::line_end}}) {
    std::vector<Range> matches;
    Pattern::regex(expression, "[tokenizer] classes of characters").find(all, matches);
    for (const Range match : matches) {
      for (uint32_t at = match.begin; at < match.end;) {
        const CodePoint point = code_point_at(all, at);
        (*classes)[point.value] = kind;
        at += point.length;
      }
    }
  }
  return classes;
}
}  // namespace

CharacterClass class_of(char32_t point) {
  static const std::unique_ptr<const Table> table = ask_for_classes();
  return point < kClassified ? (*table)[point] : CharacterClass::other;
}

Character wide_character_at(std::string_view text, size_t at) {
  const CodePoint point = code_point_at(text, at);
  return {class_of(point.value), point.length};
}

}  // namespace hone::data
