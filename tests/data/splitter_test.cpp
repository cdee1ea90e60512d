// Splitters against Oniguruma, whose pieces they must give for every text.
#include "data/tokenizer/splitters/splitter.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "data/tokenizer/splitters/character_class.h"
#include "kernels/host/file.h"
#include "kernels/host/json.h"
#include "tests/data/splitter_difference.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

constexpr char32_t kPoints = 0x110000;

bool is_surrogate(char32_t point) { return point >= 0xD800 && point <= 0xDFFF; }

TEST(Splitter, KnowsThePublishedPatternsAndNoOther) {
  EXPECT_EQ(data::known_patterns().size(), 5u);
  EXPECT_EQ(data::splitter_of(R"(\p{L}+)"), nullptr);
  EXPECT_EQ(data::splitter_of(""), nullptr);
}

TEST(Splitter, RealTokenizersUseIt) {
  HONE_NEEDS_FIXTURES();
  for (const auto& [folder, name] : {std::pair{"qwen2.5", "qwen2"}, {"olmo2", "llama3"}}) {
    const std::string file = read_text(*fixtures() / "tokenizers" / folder / "tokenizer.json", 64 << 20);
    for (const data::KnownPattern& known : data::known_patterns()) {
      const bool uses = file.find(Json(known.expression).dump()) != std::string::npos;
      EXPECT_EQ(uses, known.name == std::string(name)) << folder << " and " << known.name;
      EXPECT_EQ(data::splitter_of(known.expression), known.split);
    }
  }
}

TEST(Splitter, ClassesAreThoseOfOniguruma) {
  const auto matches = [](const char* expression, const std::string& text) {
    std::vector<data::Range> ranges;
    data::Pattern::oniguruma(expression, "test").find(text, ranges);
    return ranges;
  };
  using Class = data::CharacterClass;
  std::array<size_t, 5> count{};
  for (char32_t first = 0; first < kPoints; first += 0x1000) {  // one pattern for each class, over 4,096 characters
    std::string text;
    std::array<std::vector<data::Range>, 5> expected;
    for (char32_t point = first; point < first + 0x1000; ++point) {
      if (is_surrogate(point)) continue;
      const uint32_t begin = uint32_t(text.size());
      append_utf8(text, point);
      expected[size_t(data::class_of(point))].push_back({begin, uint32_t(text.size())});
      if (point < 128) {
        ASSERT_EQ(data::class_of(point), data::kAsciiClasses[point]) << uint32_t(point);
      }
    }
    for (const auto& [kind, expression] : {std::pair{Class::other, R"([^\s\p{L}\p{N}])"},
                                           {Class::letter, R"(\p{L})"},
                                           {Class::number, R"(\p{N})"},
                                           {Class::space, R"([\s&&[^\r\n]])"},
                                           {Class::line_end, R"([\r\n])"}}) {
      EXPECT_EQ(matches(expression, text), expected[size_t(kind)]) << expression << " from " << uint32_t(first);
      count[size_t(kind)] += expected[size_t(kind)].size();
    }
  }
  EXPECT_GT(count[size_t(Class::letter)], 130'000u);
  EXPECT_GT(count[size_t(Class::number)], 1'800u);
  EXPECT_EQ(count[size_t(Class::space)], 23u);  // White_Space of Unicode 16: 25 characters, U+180E not among them
  EXPECT_EQ(count[size_t(Class::line_end)], 2u);
}

TEST(Splitter, WordPartsAreThoseOfOniguruma) {
  using data::WordPart;
  std::array<size_t, 4> count{};
  for (const auto& [part, expression] : {std::pair{WordPart::upper, R"([\p{Lu}\p{Lt}])"},
                                         {WordPart::lower, R"(\p{Ll})"},
                                         {WordPart::either, R"([\p{Lm}\p{Lo}\p{M}])"},
                                         {WordPart::none, R"([^\p{L}\p{M}])"}}) {
    std::string text;
    std::vector<data::Range> expected, found;
    for (char32_t point = 0; point < kPoints; ++point) {
      if (is_surrogate(point)) continue;
      const uint32_t begin = uint32_t(text.size());
      append_utf8(text, point);
      if (data::word_part_of(point) == part) expected.push_back({begin, uint32_t(text.size())});
    }
    data::Pattern::oniguruma(expression, "test").find(text, found);
    EXPECT_TRUE(found == expected) << expression;
    count[size_t(part)] = found.size();
  }
  EXPECT_GT(count[size_t(WordPart::upper)], 1'800u);
  EXPECT_GT(count[size_t(WordPart::lower)], 2'100u);
  EXPECT_GT(count[size_t(WordPart::either)], 130'000u);
}

// What follows an apostrophe: without regard to case, and Oniguruma has its own idea of what folds to what.
TEST(Splitter, ContractionsWithEveryCharacter) {
  const auto has_no_case = [](char32_t point) {  // ideographs and Hangul
    return (point >= 0x3400 && point < 0xA000) || (point >= 0xAC00 && point < 0xF900) || point >= 0x20000;
  };
  for (const auto& [before, after] :
       {std::pair{"'", " "}, {"'", "e"}, {"'", "l"}, {"'r", ""}, {"'L", "x"}, {" '", "'\u017F"}}) {
    std::string text;
    for (char32_t point = 0; point < kPoints; point += has_no_case(point) ? 61 : 1) {
      if (is_surrogate(point)) continue;
      text += before;
      append_utf8(text, point);
      text += after;
    }
    ASSERT_EQ(splitter_difference(text), "") << before << " and " << after;
  }
}

TEST(Splitter, HardTextsByHand) {
  const Json corpus = read_json(golden("tokenizers/corpus.json"));
  for (const Json& text : corpus) EXPECT_EQ(splitter_difference(text.get<std::string>()), "");
  for (const char* text : {"",
                           " ",
                           "\n",
                           "a\n",
                           "\n a",
                           " \n \n a",
                           "\t\n!\r\n x",
                           "  \u00a0x",
                           "\u3000\u3000!",
                           "  !",
                           "\u180e\u180e a",
                           "\u200b\u200b a",
                           "\u0085\u0085x",
                           "'S'T'RE'vE'M'lL'D",
                           "'\u017F\u017F",
                           "'s\u017Ft'ſ",
                           "''''s",
                           "x'",
                           "x 'r",
                           "12345678 1234",
                           " 12",
                           "\u00bd\u0663x",
                           "a\u0301b",
                           "!\n\n\n  x",
                           "?\r\r\n\n?",
                           " '\n's",
                           " \n",
                           "\r\r",
                           "\r \r x",
                           "fooBarBAZqux'SHE'll ABC",
                           "ABC\u4e00DEF \u4e00\u0301A",
                           "\u0301ABC\u0301 A",
                           " \u0301\u0301A!\u0301a",
                           "A'sB'S'd a//\n/b",
                           "!\u0301\u0301!! \u0301",
                           "\U000E0100A\U000E0100 \u01c5\u01c6x\u01c5"})
    EXPECT_EQ(splitter_difference(text), "") << text;
}

// Texts of characters at which something happens, and of all planes.
TEST(Splitter, RandomTexts) {
  std::mt19937 random(20240611);
  const auto below = [&](uint32_t limit) { return uint32_t(random() % limit); };
  const std::u32string edges =
      U" \t\n\r\v\f\u0085\u00a0\u1680\u180e\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff\u001c\u001f"
      U"''''sStTrReEvVmMlLdD\u017f\u212a\u0130\u0131\u00df\ufb05\ufb06\u1e9e\u2019\u02bc\u0149"
      U"aZbQAAaa/\u01c5\u02b0\u00e9\u00df\u4e00\u0e01\u0301\u0903\u20dd019\u0660\u00b2\u00bd\u2160\u3007\u4e8c.,!-_\"$+"
      U"\u20ac\u2014\u200d\ufe0f"
      U"\U0001f600\U00010400\U0001d7ce\U00020000\U0010ffff\ue000\U0001ccf0\U00010d50\U00011de0\u1c89\0";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const uint32_t length = 1 + below(24), mix = below(4);
    while (text.size() < length) {
      char32_t point = edges[below(uint32_t(edges.size()))];
      if (below(4) < mix) point = below(3) == 0 ? below(kPoints) : below(2) == 0 ? below(0x3100) : below(128);
      if (!is_surrogate(point)) append_utf8(text, point);
      if (below(6) == 0 && !text.empty()) text.append(below(4), text.back() < 0 ? ' ' : text.back());
    }
    ASSERT_EQ(splitter_difference(text), "") << "round " << round << ": " << Json(text).dump();
  }
}

TEST(Splitter, LongTexts) {
  const auto repeated = [](std::string_view part, size_t times) {
    std::string text;
    while (times-- > 0) text += part;
    return text;
  };
  for (const std::string_view part : {" ", "\n", " \n", "a", "1", "'", "'s", "!", "\u3000", "\u00e9", "\r\n", " a",
                                      "  ", "!\n", "\u0301", "\u4e00", "1a", "''''l"})
    for (const std::string_view end : {"", "x", " ", "\n", "!", "5"})
      EXPECT_EQ(splitter_difference(repeated(part, 10'000).append(end)), "") << part << " and then " << end;
}

TEST(Splitter, RealTexts) {
  HONE_NEEDS_FIXTURES();
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(*fixtures())) {
    const std::string kind = entry.path().extension().string();
    if (!entry.is_regular_file() || (kind != ".jsonl" && kind != ".txt" && kind != ".jinja" && kind != ".md")) continue;
    std::ifstream in(entry.path());
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_EQ(splitter_difference(text.str().substr(0, 300'000)).substr(0, 300), "") << entry.path();
    ++files;
  }
  EXPECT_GT(files, 8);
}

}  // namespace
}  // namespace hone::test
