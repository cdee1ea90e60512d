// The cache of a conversation beside reading every text anew, and the conversation over two streams.
#include "trainer/generation/chat.h"

#include <gtest/gtest.h>

#include <sstream>

#include "checkpoints/base/model_directory.h"
#include "tests/support/letters.h"
#include "tests/support/tolerances.h"
#include "trainer/model/load.h"

namespace hone::trainer {
namespace {

// A random model of 96 tokens, in float64, and the tokenizer of letters.
class ChatWithARandomModel : public testing::Test {
 protected:
  ChatWithARandomModel() {
    test::write_letters_tokenizer(folder_, "model");
    tokenizer_.emplace(data::Tokenizer::load(folder_ / "model"));
    const checkpoints::ModelDirectory directory(test::golden("models/untied"));
    model_ = load_decoder(stream_, read_config(JsonView(directory.config(), "config.json")),
                          DirectoryWeights(directory), {.dtype = DType::float64});
  }
  std::string chat_over(const std::string& input, const ChatOptions& options) {
    std::istringstream in(input);
    std::ostringstream out, notes;
    Conversation conversation(*tokenizer_, {}, "");
    chat(stream_, model_, *tokenizer_, conversation, options, {in, out, notes});
    notes_ = notes.str();
    return out.str();
  }
  test::TemporaryFolder folder_;
  Stream stream_ = Stream::cpu(1);
  std::optional<data::Tokenizer> tokenizer_;
  Decoder model_;
  std::string notes_;
};

TEST_F(ChatWithARandomModel, ACacheThatGoesOnEqualsReadingAnew) {
  const std::vector<std::vector<int32_t>> texts{
      {5, 9, 31, 7},
      {5, 9, 31, 7, 40},                    // one more
      {5, 9, 31, 7, 40, 8, 22, 61, 3, 17},  // several
      {5, 9, 31, 50, 2, 6},                 // another end: what was held behind the third is forgotten
      {5, 9, 31},                           // a beginning of what is held
      {6, 5},                               // nothing in common
      {6, 5, 6, 5, 6, 5}};
  KeyValueCache cache(stream_, model_, 16);
  for (const std::vector<int32_t>& text : texts) {
    KeyValueCache fresh(stream_, model_, int64_t(text.size()));
    EXPECT_LT(
        test::relative_error(cache.logits_after(stream_, model_, text), fresh.logits_after(stream_, model_, text)),
        test::kFloat64)
        << text.size();
    EXPECT_EQ(cache.held(), text);
  }
  EXPECT_THROW(cache.logits_after(stream_, model_, std::vector<int32_t>(17, 3)), Error);
}

TEST_F(ChatWithARandomModel, AnswersAreThoseOfTheWholeTextReadAtOnce) {
  const SamplingOptions sampling{.max_new_tokens = 12, .temperature = 0.9, .seed = 4};
  const std::string out = chat_over("hello\n\nand you?\r\n", {.sampling = sampling, .context = 128});
  Conversation again(*tokenizer_, {}, "");
  SamplingOptions options = sampling;
  options.ends = again.ends();
  std::string expected;
  for (const char* request : {"hello", "and you?"}) {
    const std::string answer = tokenizer_->decode(generate(stream_, model_, again.ask(request), options), true);
    again.answered(answer);
    expected += answer + "\n";
  }
  EXPECT_EQ(out, expected);
  EXPECT_NE(notes_.find("stops here after 12 tokens; --max-new-tokens N"), std::string::npos) << notes_;
}

TEST_F(ChatWithARandomModel, CommandsAreNotAsked) {
  EXPECT_EQ(chat_over("/help\n/rest\n/reset\n/exit\nhello\n", {.context = 64}), "");
  EXPECT_NE(notes_.find("/reset  begin a new conversation"), std::string::npos) << notes_;
  EXPECT_NE(notes_.find("(no command is called /rest; /help lists them)"), std::string::npos) << notes_;
  EXPECT_NE(chat_over("/etc/hosts is a file\n", {.sampling = {.max_new_tokens = 2}, .context = 128}), "");
  EXPECT_EQ(notes_.find("no command"), std::string::npos) << notes_;
  const std::string typed = chat_over("/exit\n", {.context = 64, .terminal = true});
  EXPECT_EQ(typed, "> ");
}

TEST_F(ChatWithARandomModel, AnInterruptEndsTheAnswerNotTheChat) {
  int asked = 0, began = 0, ended = 0;
  ChatOptions options{.sampling = {.max_new_tokens = 50, .temperature = 0.9}, .context = 128};
  options.answering = [&](bool now) { ++(now ? began : ended); };
  options.interrupted = [&] { return ++asked == 3; };
  const std::string out = chat_over("a\nb\n", options);
  EXPECT_EQ(began, 2);
  EXPECT_EQ(ended, 2);
  EXPECT_GE(std::ranges::count(out, '\n'), 2);
  EXPECT_GT(asked, 3) << "the second request was answered";
}

TEST_F(ChatWithARandomModel, AFullContextIsSaid) {
  const SamplingOptions sampling{.max_new_tokens = 500, .temperature = 1.5};
  chat_over("hello\n", {.sampling = sampling, .context = 40});
  EXPECT_NE(notes_.find("because the context of 40 tokens is full; /reset"), std::string::npos) << notes_;
  try {
    chat_over("a request that is too long for it\n", {.context = 40});
    ADD_FAILURE() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_NE(std::string(error.what()).find("the context is full: with this request the conversation has"),
              std::string::npos)
        << error.what();
  }
  // At a terminal that is a note, and the request is forgotten.
  const std::string out =
      chat_over("a request that is too long for it\nhi\n",
                {.sampling = {.max_new_tokens = 1, .temperature = 1.5}, .context = 40, .terminal = true});
  EXPECT_NE(notes_.find("(the context is full: "), std::string::npos) << notes_;
  EXPECT_EQ(std::ranges::count(out, '>'), 3) << out;
  EXPECT_EQ(notes_.find("the context is full", notes_.find("the context is full") + 1), std::string::npos) << notes_;
}

}  // namespace
}  // namespace hone::trainer
