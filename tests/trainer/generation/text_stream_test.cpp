// Text in pieces: every piece is UTF-8, all together are what decoding at once gives.
#include "trainer/generation/text_stream.h"

#include <gtest/gtest.h>

#include "kernels/host/text.h"
#include "tests/support/letters.h"

namespace hone::trainer {
namespace {

using test::fixtures, test::golden, test::TemporaryFolder;

std::string streamed(const data::Tokenizer& tokenizer, const std::vector<int32_t>& ids,
                     const std::vector<std::string>& stops = {}) {
  TextStream stream(tokenizer, stops);
  std::string all;
  for (const int32_t id : ids) {
    const std::string piece = stream.add(id);
    EXPECT_TRUE(valid_utf8(piece));
    all += piece;
  }
  return all + stream.finish();
}

const std::vector<std::string> kTexts{"Hello world, it's me.",
                                      " two  spaces\n\n\tand a tab ",
                                      "Ünïcode – 数字 🙂👩‍👩‍👧 done, ไทย नमस्ते",
                                      "🙂",
                                      "\xEF\xBF\xBD is a character too \xEF\xBF\xBD\xEF\xBF\xBD x",
                                      "a"};

TEST(TextStream, TogetherIsWhatDecodingAtOnceGives) {
  HONE_NEEDS_FIXTURES();
  for (const char* name : {"gpt2", "phi-3-mini"}) {  // bytes as letters; pieces with bytes to fall back to
    const data::Tokenizer tokenizer = data::Tokenizer::load(*fixtures() / "tokenizers" / name);
    for (const std::string& text : kTexts) {
      const std::vector<int32_t> ids = tokenizer.encode(text);
      EXPECT_EQ(streamed(tokenizer, ids), tokenizer.decode(ids, true)) << name << " " << text;
    }
  }
}

TEST(TextStream, SmallTokenizersOfEveryKind) {
  for (const char* name : {"byte_level", "llama", "metaspace_always", "metaspace_first", "no_decoder", "some_bytes"}) {
    const data::Tokenizer tokenizer = data::Tokenizer::load(golden("tokenizers/small/" + std::string(name) + ".json"));
    for (const std::string& text : kTexts) {
      const std::vector<int32_t> ids = tokenizer.encode(text);
      EXPECT_EQ(streamed(tokenizer, ids), tokenizer.decode(ids, true)) << name << " " << text;
    }
  }
}

class Letters : public testing::Test {
 protected:
  Letters() { test::write_letters_tokenizer(folder_, "model"); }
  std::vector<int32_t> ids(const std::string& text) const { return tokenizer().encode(text); }
  const data::Tokenizer& tokenizer() const {
    if (!tokenizer_) tokenizer_ = data::Tokenizer::load(folder_ / "model");
    return *tokenizer_;
  }
  TemporaryFolder folder_;
  mutable std::optional<data::Tokenizer> tokenizer_;
};

TEST_F(Letters, ACharacterComesWhole) {
  const std::vector<int32_t> smile = ids("🙂");
  ASSERT_EQ(smile.size(), 4u);
  TextStream stream(tokenizer());
  EXPECT_EQ(stream.add(ids("a")[0]), "a");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stream.add(smile[size_t(i)]), "") << i;
  EXPECT_EQ(stream.add(smile[3]), "🙂");
  EXPECT_EQ(stream.add(ids("b")[0]), "b") << "at once, not held back";
  EXPECT_EQ(stream.add(smile[0]), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD") << "a character that never came";
}

TEST_F(Letters, BytesThatAreNoTextAreReplaced) {
  const std::vector<int32_t> smile = ids("🙂");
  std::vector<int32_t> broken{smile[1], smile[2]};
  for (const int32_t id : ids("ab")) broken.push_back(id);
  EXPECT_EQ(streamed(tokenizer(), broken),
            "\xEF\xBF\xBD\xEF\xBF\xBD"
            "ab");
  // A byte that spoils the run after its character was given: what was given stays.
  std::vector<int32_t> late = smile;
  late.push_back(smile[0]);
  for (const int32_t id : ids("c")) late.push_back(id);
  EXPECT_EQ(streamed(tokenizer(), late),
            "🙂\xEF\xBF\xBD"
            "c");
}

TEST_F(Letters, SpecialTokensAreNotText) {
  std::vector<int32_t> all = ids("a");
  all.push_back(2);
  for (const int32_t id : ids(" b")) all.push_back(id);
  EXPECT_EQ(streamed(tokenizer(), all), "a b");
}

TEST_F(Letters, EndsBeforeAStopAndHoldsBackItsBeginning) {
  EXPECT_EQ(streamed(tokenizer(), ids("one. two. three"), {"two"}), "one. ");
  EXPECT_EQ(streamed(tokenizer(), ids("aaab tail"), {"aab"}), "a");
  EXPECT_EQ(streamed(tokenizer(), ids("no stop here.."), {"...", "xyz"}), "no stop here..") << "held back, then given";
  EXPECT_EQ(streamed(tokenizer(), ids("both"), {"th", "ot"}), "b") << "the first of them";
  TextStream stream(tokenizer(), {"\nUser:"});
  std::string all;
  for (const int32_t id : ids("yes\nUs")) all += stream.add(id);
  EXPECT_EQ(all, "yes");
  EXPECT_FALSE(stream.stopped());
  for (const int32_t id : ids("er: and more")) all += stream.add(id);
  EXPECT_EQ(all + stream.finish(), "yes");
  EXPECT_TRUE(stream.stopped());
}

}  // namespace
}  // namespace hone::trainer
