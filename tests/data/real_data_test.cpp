// Real files with real tokenizers, read whole. The counts come from Hugging Face's tokenizers 0.23.3 in Python: each
// text encoded at once, prompts encoded alone for what is only read, and an end token a row. The layouts' rows come
// from transformers (tests/golden/make_chat_layouts.py).
#include <gtest/gtest.h>

#include <algorithm>

#include "data/dataset.h"
#include "data/receipt.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

Dataset read(const fs::path& path, RowKind kind, const Tokenizer& tokenizer, DatasetOptions options = {}) {
  options.files = {{path, kind}};
  ThreadPool pool(2);
  return Dataset::read(options, &tokenizer, pool);
}

TEST(RealData, Gsm8k) {
  HONE_NEEDS_FIXTURES();
  const Tokenizer qwen = Tokenizer::load(*test::fixtures() / "tokenizers/qwen2.5");
  const fs::path file = *test::fixtures() / "data/gsm8k/train.jsonl";
  const Receipt receipt(read(file, RowKind::completion, qwen), nullptr, {});
  EXPECT_EQ(receipt.used, 7473);
  EXPECT_EQ(receipt.tokens, 1363383);
  EXPECT_EQ(receipt.learned, 917634);
  EXPECT_EQ(receipt.answers, 7473);
  EXPECT_EQ(receipt.ends, 7473);
  const Dataset shorter = read(file, RowKind::completion, qwen, {.max_length = 256});
  EXPECT_EQ(shorter.reading().too_long.count, 1016);
  const auto [train, evaluation] = shorter.split_by_hash(0.1);
  EXPECT_NEAR(double(evaluation.rows().size()), 646, 125);  // standard deviation 24
  const Batches batches(train.rows(), {.max_length = 256});
  ASSERT_TRUE(batches.packed());
  EXPECT_LT(batches.packed()->padding, 0.15);
  const std::string text = Receipt(train, &evaluation, batches.packed(), true).text();
  EXPECT_NE(text.find("0 rows shared by train and evaluation"), std::string::npos) << text;
}

TEST(RealData, Instructions) {
  HONE_NEEDS_FIXTURES();
  const Tokenizer stories = Tokenizer::load(*test::fixtures() / "models/stories260K-hf");
  const Dataset data = read(*test::fixtures() / "data/instructions/instruction-data.json", RowKind::alpaca, stories);
  const Receipt receipt(data, nullptr, {});
  EXPECT_EQ(receipt.used, 1100);
  EXPECT_EQ(receipt.tokens, 190844);
  EXPECT_EQ(receipt.learned, 35894);
  for (const Row& row : data.rows()) {
    ASSERT_EQ(row.tokens.front(), 1);
    ASSERT_EQ(row.tokens.back(), 2);
    ASSERT_EQ(row.labels.back(), 2);
  }
}

TEST(RealData, Shakespeare) {
  HONE_NEEDS_FIXTURES();
  const Tokenizer stories = Tokenizer::load(*test::fixtures() / "models/stories260K-hf");
  const Dataset data =
      read(*test::fixtures() / "data/shakespeare/input.txt", RowKind::text, stories, {.max_length = 256});
  int64_t tokens = 0;
  for (const Row& row : data.rows()) tokens += int64_t(row.tokens.size());
  EXPECT_EQ(tokens, 693365);  // <s>, the text, </s>
  EXPECT_EQ(data.rows().size(), 2709u);
  EXPECT_EQ((std::vector<int32_t>(data.rows()[0].tokens.begin(), data.rows()[0].tokens.begin() + 5)),
            (std::vector<int32_t>{1, 410, 453, 315, 356}));
  EXPECT_EQ(data.rows().back().tokens.back(), 2);
}

TEST(RealData, Wikisql) {
  HONE_NEEDS_FIXTURES();
  const Tokenizer qwen = Tokenizer::load(*test::fixtures() / "tokenizers/qwen2.5");
  const Receipt receipt(read(*test::fixtures() / "data/wikisql/train.jsonl", RowKind::text, qwen), nullptr, {});
  EXPECT_EQ(receipt.used, 1000);
  EXPECT_EQ(receipt.tokens, 90597);
  EXPECT_EQ(receipt.learned, 90597 - 1000);
}

// The rows and answer masks of transformers' apply_chat_template with TRL's training templates.
class RealLayouts : public testing::TestWithParam<LayoutKind> {};

TEST_P(RealLayouts, EqualTransformers) {
  HONE_NEEDS_FIXTURES();
  const bool llama3 = GetParam() == LayoutKind::llama3;
  const Json golden = read_json(test::golden("data/chat_layouts.json"));
  const test::TemporaryFolder folder;
  fs::path path = *test::fixtures() / "tokenizers/qwen2.5";
  if (llama3) {  // no tokenizer of that family is at hand: its tokens are added to this one
    Json tokenizer = read_json(path / "tokenizer.json");
    for (const auto& [text, id] : golden.at("llama3_tokens").items())
      tokenizer["added_tokens"].push_back({{"id", id},
                                           {"content", text},
                                           {"single_word", false},
                                           {"lstrip", false},
                                           {"rstrip", false},
                                           {"normalized", false},
                                           {"special", true}});
    std::sort(tokenizer["added_tokens"].begin(), tokenizer["added_tokens"].end(),
              [](const Json& a, const Json& b) { return a["id"] < b["id"]; });
    path = folder.write("tokenizer.json", tokenizer.dump());
  }
  const Tokenizer tokenizer = Tokenizer::load(path);
  const RowEncoder encoder({RowKind::messages, TrainOn::answers, GetParam()}, &tokenizer);
  const ChatLayout layout(GetParam(), tokenizer);
  int compared = 0;
  for (const Json& example : golden.at(llama3 ? "llama3" : "chatml")) {
    const Encoded row = encoder.encode(RowReader(RowKind::messages).parse(example.dump()).at(0));
    EXPECT_EQ(row.tokens, example.at("ids").get<std::vector<int32_t>>());
    std::vector<int> learned = example.at("answers").get<std::vector<int>>(), ours;
    if (!llama3) {  // there the line's ends around an answer are in its mask
      const std::vector<int> all = learned;
      for (size_t i = 0; i < all.size(); ++i)
        if ((i > 0 && all[i] && !all[i - 1]) || (all[i] && (i + 1 == all.size() || !all[i + 1]))) learned[i] = 0;
    }
    for (const int32_t label : row.labels) ours.push_back(label != kNotLearned);
    EXPECT_EQ(ours, learned);
    Conversation two;
    for (size_t i = 0; i < 2; ++i) two.messages.push_back(OrderedJson(example.at("messages")[i]));
    EXPECT_EQ(layout.prompt(two), example.at("prompt_of_two").get<std::vector<int32_t>>());
    ++compared;
  }
  EXPECT_EQ(compared, 6);
}
INSTANTIATE_TEST_SUITE_P(Layouts, RealLayouts, testing::Values(LayoutKind::chatml, LayoutKind::llama3));

}  // namespace
}  // namespace hone::data
