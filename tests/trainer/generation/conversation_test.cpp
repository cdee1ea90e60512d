// A conversation is asked in exactly the tokens that training makes of it.
#include "trainer/generation/conversation.h"

#include <gtest/gtest.h>

#include "data/rows/kinds/kinds.h"
#include "kernels/host/error.h"
#include "kernels/host/json.h"
#include "tests/support/letters.h"

namespace hone::trainer {
namespace {

using data::LayoutKind, data::RowKind;

// What stands before the last answer of a row, as the rows of training are encoded.
std::vector<int32_t> before_last_answer(const data::Tokenizer& tokenizer, const Conversation::Style& style,
                                        const Json& record) {
  const data::RowEncoder rows({.kind = style.kind, .train_on = data::TrainOn::last, .chat = style.chat}, &tokenizer);
  const data::Encoded row = rows.encode(data::RowReader(style.kind).parse(record.dump()).at(0));
  const auto learned =
      std::ranges::find_if(row.labels, [](int32_t label) { return label != data::kNotLearned; }) - row.labels.begin();
  EXPECT_LT(size_t(learned), row.tokens.size());
  return {row.tokens.begin(), row.tokens.begin() + learned};
}

void expect_as_trained(const data::Tokenizer& tokenizer, LayoutKind layout, const std::string& system,
                       const std::vector<std::pair<std::string, std::string>>& turns) {
  const Conversation::Style style{.chat = std::make_shared<const data::ChatLayout>(layout, tokenizer)};
  Conversation talk(tokenizer, style, system);
  Json messages = Json::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  for (const auto& [request, answer] : turns) {
    messages.push_back({{"role", "user"}, {"content", request}});
    messages.push_back({{"role", "assistant"}, {"content", answer}});
    EXPECT_EQ(talk.ask(request), before_last_answer(tokenizer, style, Json{{"messages", messages}}))
        << int(layout) << " turn " << messages.size() / 2;
    talk.answered(answer);
  }
}

class ConversationOfLetters : public testing::Test {
 protected:
  ConversationOfLetters() { test::write_letters_tokenizer(folder_, "model"); }
  test::TemporaryFolder folder_;
};

TEST_F(ConversationOfLetters, AsksInTheTokensOfTraining) {
  const data::Tokenizer tokenizer = data::Tokenizer::load(folder_ / "model");
  for (const LayoutKind layout : {LayoutKind::chatml, LayoutKind::llama3, LayoutKind::plain})
    for (const std::string system : {"", "Be brief."})
      expect_as_trained(tokenizer, layout, system,
                        {{"Hi", " Yo.\n"}, {" two\nlines ", "yes"}, {"", "what"}, {"x", "y"}});
}

TEST(Conversation, AsksARealTokenizerInTheTokensOfTransformers) {
  HONE_NEEDS_FIXTURES();
  const data::Tokenizer tokenizer = data::Tokenizer::load(*test::fixtures() / "tokenizers/qwen2.5");
  expect_as_trained(
      tokenizer, LayoutKind::chatml, "You answer briefly.",
      {{"What is 12 * 12?", "144"}, {"Ünïcode 数字 🙂 <|im_end|>", "    four\n\nspaces"}, {"ok", "bye"}});
  const Json golden = read_json(test::golden("data/chat_layouts.json")).at("chatml");
  int compared = 0;
  for (const Json& one : golden) {
    const Json& messages = one.at("messages");
    const std::string system = messages[0].at("content").get<std::string>();
    if (system.empty() || messages[1].at("role") != "user") continue;
    Conversation talk(tokenizer, {}, system);
    EXPECT_EQ(talk.ask(messages[1].at("content").get<std::string>()),
              one.at("prompt_of_two").get<std::vector<int32_t>>());
    ++compared;
  }
  EXPECT_GE(compared, 4);
}

TEST_F(ConversationOfLetters, OtherRowsAreAskedOneByOne) {
  const data::Tokenizer tokenizer = data::Tokenizer::load(folder_ / "model");
  for (const RowKind kind : {RowKind::completion, RowKind::alpaca}) {
    const bool alpaca = kind == RowKind::alpaca;
    Conversation talk(tokenizer, {.kind = kind}, "");
    const Json record{{alpaca ? "instruction" : "prompt", "say b"}, {alpaca ? "output" : "completion", "b"}};
    const std::vector<int32_t> expected = before_last_answer(tokenizer, {.kind = kind}, record);
    EXPECT_EQ(talk.ask("say b"), expected);
    talk.answered("b");
    EXPECT_EQ(talk.ask("say b"), expected) << "nothing is remembered";
    EXPECT_EQ(talk.ends(), (std::vector<int32_t>{2}));
  }
  EXPECT_THROW(Conversation(tokenizer, {.kind = RowKind::text}, "Be brief."), Error);
}

TEST_F(ConversationOfLetters, TakesBackAndBeginsAnew) {
  const data::Tokenizer tokenizer = data::Tokenizer::load(folder_ / "model");
  Conversation talk(tokenizer, {}, "s");
  const std::vector<int32_t> first = talk.ask("a");
  talk.take_back();
  EXPECT_EQ(talk.ask("a"), first);
  talk.answered("b");
  talk.take_back();
  EXPECT_GT(talk.ask("a").size(), first.size()) << "an answered request stays";
  talk.reset();
  EXPECT_EQ(talk.ask("a"), first) << "the system text stays";
}

}  // namespace
}  // namespace hone::trainer
