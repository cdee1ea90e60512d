// Normal forms with their quick look and their short cuts, against utf8proc on whole texts.
#include "data/tokenizer/unicode.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <cstdlib>
#include <memory>
#include <random>

#include "data/tokenizer/unicode_tables.h"
#include "kernels/host/json.h"
#include "kernels/host/text.h"

namespace hone::test {
namespace {

using data::NormalForm;

std::string nfc_of(const std::string& text) {
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), utf8proc_ssize_t(text.size()), &result,
                   utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  return length < 0 ? "error" : std::string(reinterpret_cast<const char*>(result), size_t(length));
}

bool is_known(char32_t point) {  // to the library, which leaves other code points alone
  for (const data::CodePointRange& range : data::unnormalised_ranges())
    if (point >= range.first && point <= range.last) return false;
  return point < 0xD800 || point > 0xDFFF;
}

TEST(NormalForm, NfcOfEveryCharacterAndItsNeighbours) {
  int changed = 0;
  for (char32_t point = 0; point < 0x110000; point += point < 0x30000 ? 1 : 31) {
    if (!is_known(point) || point == 0x11A7) continue;
    for (const char* before : {"", "e", "\u1100", "\uAC00", "\u0B47"}) {  // some of what composes with what follows
      std::string text = before;
      append_utf8(text, point);
      text += "\u0301\u0323";
      const std::string expected = nfc_of(text);
      ASSERT_EQ(data::normal_form(text, NormalForm::nfc), expected) << uint32_t(point) << " after " << before;
      text.resize(text.size() - 4);
      if (data::keeps_normal_form(text, NormalForm::nfc)) {
        ASSERT_EQ(nfc_of(text), text) << uint32_t(point) << " after " << before;
      } else {
        changed += nfc_of(text) != text;
      }
    }
  }
  EXPECT_GT(changed, 1'000);
}

// The place before the first final consonant is none itself (Unicode Standard, 3.12); utf8proc 2.8 lets it compose
// away.
// As Hugging Face tokenizers 0.23.3 has them, which shows in Precompiled and StripAccents.
TEST(Unicode, GraphemesAndMarksAreTheLibrarys) {
  EXPECT_EQ(data::end_of_grapheme("\U000E00C5\u0345\u0303", 0), 4u);  // not assigned, ignorable: it stands alone
  EXPECT_EQ(data::end_of_grapheme("a\u2065\u0301", 0), 1u);
  EXPECT_EQ(data::end_of_grapheme("\U00011F02\u338F\u0341", 0), 9u);  // goes with what comes after it
  EXPECT_EQ(data::end_of_grapheme("\U0001F1E9\U0001F1EA\u2026", 0), 8u);
  EXPECT_TRUE(data::is_combining_mark(0x1171E) && data::is_nonspacing_mark(0x1171E));
}

TEST(NormalForm, HangulKeepsWhatIsNotAFinalConsonant) {
  EXPECT_EQ(data::normal_form("\uAC00\u11A7", NormalForm::nfc), "\uAC00\u11A7");
  EXPECT_EQ(data::normal_form("\uAC00\u11A8", NormalForm::nfc), "\uAC01");
  EXPECT_EQ(data::normal_form("\u1100\u1161\u11A7\u0301", NormalForm::nfc), "\uAC00\u11A7\u0301");
}

TEST(NormalForm, NfcOfRandomTexts) {
  std::mt19937 random(7);
  const auto below = [&](uint32_t limit) { return uint32_t(random() % limit); };
  const std::u32string marks =
      U"\u0300\u0301\u0304\u0307\u0308\u030a\u0323\u0327\u0328\u0338\u0342\u0345\u0653\u093c\u09be\u0b3e\u0bd7\u0cd5"
      U"\u0d57"
      U"\u0dcf\u102e\u1161\u1175\u11a8\u11c2\u3099\u309a\U000110ba\U00011127\U0001133e\U000114b0\U000115af";
  const std::u32string bases =
      U"aAeEoOsS\u00e9\u00c5\u1e63\u01d5\u0391\u03c9\u1f00\u0627\u0928\u09c7\u0b47\u0bc6\u0cca\u0d46\u0dd9\u1025\u1100"
      U"\u1112"
      U"\uac00\uac01\u304b\u30ab\u212b\u0958\u2126\u0344\u0f73\U00011099\U00011131\U0001d15e\U0002f800 .x\u2019\u4e2d";
  for (int round = 0; round < 30'000; ++round) {
    std::string text;
    const uint32_t length = 1 + below(12);
    for (uint32_t i = 0; i < length; ++i) {
      const uint32_t kind = below(8);
      char32_t point = kind < 4   ? bases[below(uint32_t(bases.size()))]
                       : kind < 7 ? marks[below(uint32_t(marks.size()))]
                                  : char32_t(below(0x30000));
      if (is_known(point)) append_utf8(text, point);
    }
    const std::string expected = nfc_of(text);
    ASSERT_EQ(data::normal_form(text, NormalForm::nfc), expected) << Json(text).dump();
    if (data::keeps_normal_form(text, NormalForm::nfc)) {
      ASSERT_EQ(expected, text) << Json(text).dump();
    }
  }
}

}  // namespace
}  // namespace hone::test
