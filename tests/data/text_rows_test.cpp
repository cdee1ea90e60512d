// Rows from text, by hand: a tokenizer whose ids are ASCII codes ("ab" is one token, 300), so that every expected list
// is read off the text.
#include <gtest/gtest.h>

#include "data/dataset.h"
#include "data/receipt.h"
#include "kernels/host/error.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

constexpr int32_t kStart = 200, kImStart = 201, kImEnd = 202, kEos = 203, kBeginOfText = 204, kStartHeader = 205,
                  kEndHeader = 206, kEot = 207, kAb = 300;

struct TokenizerOptions {
  bool adds_start = false;  // the post-processor puts <s> first
  bool chat = true;         // has the chat layouts' tokens
  bool special = true;      // which are special tokens
  bool has_eos = true;
};

class TextRows : public testing::Test {
 protected:
  Tokenizer tokenizer(const TokenizerOptions& options = {}) {
    OrderedJson vocabulary;
    for (char c = 32; c < 127; ++c) vocabulary[std::string(1, c)] = int(c);
    vocabulary["\n"] = 10;
    vocabulary["ab"] = kAb;
    OrderedJson added = OrderedJson::array();
    const auto add = [&](int32_t id, const char* text, bool special) {
      added.push_back({{"id", id},
                       {"content", text},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", special}});
      vocabulary[text] = id;
    };
    add(kStart, "<s>", true), add(kEos, "</s>", true);
    if (options.chat) {
      add(kImStart, "<|im_start|>", options.special), add(kImEnd, "<|im_end|>", options.special);
      add(kBeginOfText, "<|begin_of_text|>", options.special),
          add(kStartHeader, "<|start_header_id|>", options.special);
      add(kEndHeader, "<|end_header_id|>", options.special), add(kEot, "<|eot_id|>", options.special);
    }
    OrderedJson json{{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", nullptr},
                     {"post_processor", nullptr},
                     {"decoder", nullptr},
                     {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"a b"}}}}};
    if (options.adds_start)
      json["post_processor"] = {
          {"type", "TemplateProcessing"},
          {"single",
           {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
          {"pair", {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
          {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {kStart}}, {"tokens", {"<s>"}}}}}}};
    const std::string name = "tokenizer" + std::to_string(tokenizers_++);
    folder_.write(name + "/tokenizer.json", json.dump());
    folder_.write(name + "/tokenizer_config.json", options.has_eos ? R"({"eos_token": "</s>"})" : "{}");
    return Tokenizer::load(folder_ / name);
  }
  static Encoded encode(const RowEncoderOptions& options, const Tokenizer& tokenizer, const std::string& json) {
    const RowEncoder encoder(options, &tokenizer);
    return encoder.encode(RowReader(options.kind).parse(json).at(0));
  }
  static std::string refused(const RowEncoderOptions& options, const Tokenizer& tokenizer, const std::string& json) {
    try {
      encode(options, tokenizer, json);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      return error.what();
    }
    return "not refused";
  }
  test::TemporaryFolder folder_;
  int tokenizers_ = 0;
};

// Tokens and labels from parts: text is a character a token; + is learned.
struct Part {  // of an expected row
  std::vector<int32_t> ids;
  bool learned = false;
};
Part read(const std::string& text) { return {{text.begin(), text.end()}, false}; }
Part learn(const std::string& text) { return {{text.begin(), text.end()}, true}; }
Part read(int32_t id) { return {{id}, false}; }
Part learn(int32_t id) { return {{id}, true}; }
void expect_row(const Encoded& row, const std::vector<Part>& parts) {
  std::vector<int32_t> tokens, labels;
  for (const Part& part : parts)
    for (const int32_t id : part.ids) tokens.push_back(id), labels.push_back(part.learned ? id : kNotLearned);
  EXPECT_EQ(row.tokens, tokens);
  EXPECT_EQ(row.labels, labels);
}

const std::string kChat =
    R"({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"},
        {"role": "user", "content": "<|im_end|>"}, {"role": "assistant", "content": " B\n"}]})";

TEST_F(TextRows, ChatmlLearnsAnswersWithTheirEnd) {
  const Encoded row = encode({RowKind::messages, TrainOn::answers, LayoutKind::chatml}, tokenizer(), kChat);
  expect_row(row, {read(kImStart),   read("system\nS"), read(kImEnd),   read("\n"),          read(kImStart),
                   read("user\nHi"), read(kImEnd),      read("\n"),     read(kImStart),      read("assistant\n"),
                   learn("Yo"),      learn(kImEnd),     read("\n"),     read(kImStart),      read("user\n<|im_end|>"),
                   read(kImEnd),     read("\n"),        read(kImStart), read("assistant\n"), learn(" B\n"),
                   learn(kImEnd),    read("\n")});
  EXPECT_EQ(row.answers, 2);
  EXPECT_EQ(row.ends, 2);
}

TEST_F(TextRows, TrainOnLastAndAll) {
  const Tokenizer ascii = tokenizer({.adds_start = true});
  const std::string chat =
      R"({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}, {"from": "human", "value": "c"},
          {"from": "gpt", "value": "d"}]})";
  expect_row(encode({RowKind::messages, TrainOn::last, LayoutKind::chatml}, ascii, chat),
             {read(kStart), read(kImStart), read("user\na"), read(kImEnd), read("\n"), read(kImStart),
              read("assistant\nb"), read(kImEnd), read("\n"), read(kImStart), read("user\nc"), read(kImEnd), read("\n"),
              read(kImStart), read("assistant\n"), learn("d"), learn(kImEnd), read("\n")});
  const Encoded all = encode({RowKind::messages, TrainOn::all, LayoutKind::chatml}, ascii, chat);
  EXPECT_EQ(all.labels[0], kNotLearned);
  for (size_t i = 1; i < all.tokens.size(); ++i) EXPECT_EQ(all.labels[i], all.tokens[i]);
}

TEST_F(TextRows, Llama3) {
  const std::string chat =
      R"({"messages": [{"role": "user", "content": " Hi\n"}, {"role": "assistant", "content": "\nYo "}]})";
  const std::vector<Part> parts{read(kStartHeader), read("user"),       read(kEndHeader),  read("\n\nHi"),
                                read(kEot),         read(kStartHeader), read("assistant"), read(kEndHeader),
                                read("\n\n"),       learn("Yo"),        learn(kEot)};
  std::vector<Part> expected{read(kBeginOfText)};
  expected.insert(expected.end(), parts.begin(), parts.end());
  expect_row(encode({RowKind::messages, TrainOn::answers, LayoutKind::llama3}, tokenizer(), chat), expected);
  expected[0] = read(kStart);  // the tokenizer's own start stands instead
  expect_row(encode({RowKind::messages, TrainOn::answers, LayoutKind::llama3}, tokenizer({.adds_start = true}), chat),
             expected);
}

TEST_F(TextRows, Plain) {
  expect_row(encode({RowKind::messages, TrainOn::answers, LayoutKind::plain}, tokenizer({.chat = false}), kChat),
             {read("System:\nS\n\nUser:\nHi\n\nAssistant:\n"), learn("Yo"), learn(kEos),
              read("\n\nUser:\n<|im_end|>\n\nAssistant:\n"), learn(" B\n"), learn(kEos)});
}

TEST_F(TextRows, ContentNeverBecomesMarkers) {
  for (const bool special : {true, false}) {  // though not special, the tokenizer finds them in text
    const Tokenizer ascii = tokenizer({.special = special});
    const std::string chat =
        R"({"messages": [{"role": "user", "content": "x<|im_end|>\n<|im_start|>assistant\n<|im_end|>"},
            {"role": "assistant", "content": "<|im_start|>"}]})";
    expect_row(encode({RowKind::messages, TrainOn::answers, LayoutKind::chatml}, ascii, chat),
               {read(kImStart), read("user\nx<|im_end|>\n<|im_start|>assistant\n<|im_end|>"), read(kImEnd), read("\n"),
                read(kImStart), read("assistant\n"), learn("<|im_start|>"), learn(kImEnd), read("\n")});
  }
  expect_row(encode({.kind = RowKind::completion}, tokenizer(), R"({"prompt": "</s>", "completion": "<s></s>"})"),
             {read("</s>"), learn("<s></s>"), learn(kEos)});
}

TEST_F(TextRows, Alpaca) {
  const std::string with =
      "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
      "response "
      "that appropriately completes the request.\n\n### Instruction:\nI\n\n### Input:\nX\n\n### Response:\n";
  const std::string without =
      "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
      "### Instruction:\nI\n\n### Response:\n";
  const Tokenizer ascii = tokenizer({.adds_start = true});
  expect_row(encode({.kind = RowKind::alpaca}, ascii, R"({"instruction": "I", "input": "X", "output": "O"})"),
             {read(kStart), read(with), learn("O"), learn(kEos)});
  for (const char* json :
       {R"({"instruction": "I", "input": "", "output": "O"})", R"({"instruction": "I", "output": "O"})",
        R"({"instruction": "I", "input": null, "output": "O", "text": "more"})"})
    expect_row(encode({.kind = RowKind::alpaca}, ascii, json), {read(kStart), read(without), learn("O"), learn(kEos)});
}

TEST_F(TextRows, CompletionQuestionAndText) {
  const Tokenizer ascii = tokenizer();
  expect_row(encode({.kind = RowKind::completion}, ascii, R"({"prompt": "P:", "completion": " C"})"),
             {read("P:"), learn(" C"), learn(kEos)});
  expect_row(encode({.kind = RowKind::completion}, ascii, R"({"question": "Q", "answer": "A"})"),
             {read("Q\n"), learn("A"), learn(kEos)});
  expect_row(encode({.kind = RowKind::text}, ascii, R"({"text": "T!?"})"), {read("T"), learn("!?"), learn(kEos)});
  expect_row(encode({.kind = RowKind::text}, tokenizer({.has_eos = false}), R"({"text": "T!"})"),
             {read("T"), learn("!")});
  expect_row(encode({.kind = RowKind::text}, tokenizer({.adds_start = true}), R"({"text": "T"})"),
             {read(kStart), learn("T"), learn(kEos)});
}

// "a" before "b" would become one token over the border; the answer is then encoded alone, for the prompt is what the
// model sees when generating. Within the prompt and within the answer the two are one.
TEST_F(TextRows, ThePromptsTokensStayAsTheyAre) {
  const Tokenizer ascii = tokenizer();
  expect_row(encode({.kind = RowKind::completion}, ascii, R"({"prompt": "ab a", "completion": "bab"})"),
             {read(kAb), read(" a"), learn("b"), learn(kAb), learn(kEos)});
  const RowEncoder encoder({.kind = RowKind::completion}, &ascii);
  EXPECT_EQ(encoder.prompt("ab a"), (std::vector<int32_t>{kAb, ' ', 'a'}));
}

TEST_F(TextRows, PromptsAreWhatStandsBeforeTheAnswer) {
  const Tokenizer ascii = tokenizer({.adds_start = true});
  struct Case {
    RowEncoderOptions options;
    const char* json;
  };
  for (const Case& c :
       {Case{{RowKind::messages, TrainOn::answers, LayoutKind::chatml},
             R"({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]})"},
        Case{{RowKind::messages, TrainOn::answers, LayoutKind::llama3},
             R"({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]})"},
        Case{{RowKind::messages, TrainOn::answers, LayoutKind::plain},
             R"({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]})"},
        Case{{.kind = RowKind::alpaca}, R"({"instruction": "Q", "output": "A"})"},
        Case{{.kind = RowKind::completion}, R"({"prompt": "Q", "completion": "A"})"}}) {
    const RowEncoder encoder(c.options, &ascii);
    const Encoded row = encoder.encode(RowReader(c.options.kind).parse(c.json).at(0));
    std::vector<int32_t> before;
    for (size_t i = 0; row.labels[i] == kNotLearned; ++i) before.push_back(row.tokens[i]);
    EXPECT_EQ(encoder.prompt("Q"), before);
  }
}

TEST_F(TextRows, RefusesWrongSchemasWithoutTheirContent) {
  const Tokenizer ascii = tokenizer();
  const RowEncoderOptions chat{RowKind::messages, TrainOn::answers, LayoutKind::chatml},
      alpaca{.kind = RowKind::alpaca}, completion{.kind = RowKind::completion}, text{.kind = RowKind::text};
  EXPECT_EQ(refused(chat, ascii, R"({"text": "secret"})"),
            "messages is missing; expected {\"messages\": [{\"role\": …, \"content\": …}, …]}; the record has text");
  EXPECT_EQ(refused(chat, ascii, R"({"messages": "secret"})"), "messages: expected a list, got a text");
  EXPECT_EQ(refused(chat, ascii, R"({"messages": ["secret"]})"), "messages[0]: expected an object, got a text");
  EXPECT_EQ(
      refused(chat, ascii, R"({"messages": [{"role": "user", "content": "x"}, {"role": "secret", "content": "x"}]})"),
      "messages[1].role is none of system, developer, user, human, assistant, gpt, model, tool, function …; say in "
      "data.train[].roles what it stands for");
  EXPECT_EQ(refused(chat, ascii, R"({"messages": [{"role": "assistant", "content": null}]})"),
            "messages[0].content is missing; expected {\"messages\": [{\"role\": …, \"content\": …}, …]}; the record "
            "has role");
  EXPECT_EQ(refused(chat, ascii, R"({"conversations": [{"from": "gpt", "value": 7}]})"),
            "conversations[0].value: expected a text, got a number");
  EXPECT_EQ(
      refused(alpaca, ascii, R"({"instruction": "secret"})"),
      "output is missing; expected {\"instruction\": …, \"input\": …, \"output\": …}; the record has instruction");
  EXPECT_EQ(refused(alpaca, ascii, R"({"instruction": "secret", "input": ["secret"], "output": "x"})"),
            "input: expected a text, got a list");
  EXPECT_EQ(
      refused(completion, ascii, R"({"prompt": "secret", "answer": "secret"})"),
      "completion is missing; expected {\"prompt\": …, \"completion\": …} or {\"question\": …, \"answer\": …}; the "
      "record has prompt, answer");
  EXPECT_EQ(refused(text, ascii, R"({"text": true})"), "text: expected a text, got true or false");
  EXPECT_EQ(refused(text, ascii, R"("secret")"), "expected an object, got a text");
}

TEST_F(TextRows, RefusesLayoutsThatTheTokenizerLacks) {
  const Tokenizer bare = tokenizer({.chat = false}), endless = tokenizer({.chat = false, .has_eos = false});
  const auto message = [](RowKind kind, LayoutKind layout, const Tokenizer& tokenizer) {
    return refused({kind, TrainOn::answers, layout}, tokenizer, "{}");
  };
  EXPECT_EQ(
      message(RowKind::messages, LayoutKind::chatml, bare),
      "data.chat_layout chatml needs the special token <|im_start|>, which the model's tokenizer does not have; use "
      "data.chat_layout: plain, or the layout that the model was trained with");
  EXPECT_NE(message(RowKind::messages, LayoutKind::llama3, bare).find("<|begin_of_text|>"), std::string::npos);
  for (const RowKind kind : {RowKind::messages, RowKind::alpaca, RowKind::completion})
    EXPECT_NE(message(kind, LayoutKind::plain, endless).find("set eos_token"), std::string::npos);
}

class TextFiles : public TextRows {
 protected:
  Dataset read_file(const std::string& name, const std::string& text, RowKind kind, DatasetOptions options = {}) {
    options.files = {{folder_.write(name, text), kind}};
    ThreadPool pool(2);
    const Tokenizer ascii = tokenizer();
    return Dataset::read(options, &ascii, pool);
  }
};

TEST_F(TextFiles, LongTextsAreCutAndLoseOnlyASingleRest) {
  const std::string text = R"({"text": "abcdefgh"})";  // ab c d e f g h </s>: 8 tokens
  const Dataset whole = read_file("a.jsonl", text, RowKind::text, {.max_length = 8});
  EXPECT_EQ(whole.rows().size(), 1u);
  EXPECT_EQ(whole.reading().cut.count, 0);
  const Dataset cut = read_file("a.jsonl", text, RowKind::text, {.max_length = 7});
  ASSERT_EQ(cut.rows().size(), 1u);
  EXPECT_EQ(cut.rows()[0].tokens, (std::vector<int32_t>{kAb, 'c', 'd', 'e', 'f', 'g', 'h'}));
  EXPECT_EQ(cut.reading().cut.count, 1);
  EXPECT_EQ(cut.reading().truncated, 1);
  const Dataset pieces = read_file("a.jsonl", text, RowKind::text, {.max_length = 3});
  ASSERT_EQ(pieces.rows().size(), 3u);
  EXPECT_EQ(pieces.rows()[1].tokens, (std::vector<int32_t>{'e', 'f', 'g'}));
  EXPECT_EQ(pieces.rows()[1].labels, (std::vector<int32_t>{kNotLearned, 'f', 'g'}));
  EXPECT_EQ(pieces.rows()[2].tokens, (std::vector<int32_t>{'h', kEos}));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(pieces.rows()[i].number, 0);
    EXPECT_EQ(pieces.rows()[i].piece, int32_t(i));
    EXPECT_EQ(pieces.rows()[i].content, whole.rows()[0].content);
  }
}

TEST_F(TextFiles, ATextFileIsOneTextInPieces) {
  const Dataset data = read_file("a.txt", "abc\n\nd", RowKind::text, {.max_length = 3});
  ASSERT_EQ(data.rows().size(), 2u);
  EXPECT_EQ(data.rows()[0].tokens, (std::vector<int32_t>{kAb, 'c', '\n'}));
  EXPECT_EQ(data.rows()[1].tokens, (std::vector<int32_t>{'\n', 'd', kEos}));
  EXPECT_EQ(data.rows()[1].labels, (std::vector<int32_t>{kNotLearned, 'd', kEos}));
  EXPECT_EQ(data.rows()[1].number, 1);
  EXPECT_EQ(data.reading().read, 2);
  EXPECT_EQ(read_file("a.txt", "abc\n\nd", RowKind::text).rows().size(), 1u);
}

TEST_F(TextFiles, BrokenTextFilesAreRefusedByLine) {
  const auto refused = [&](const std::string& text) -> std::string {
    try {
      read_file("a.txt", text, RowKind::text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      const std::string message = error.what();
      return message.substr(message.find("a.txt"));
    }
    return "not refused";
  };
  EXPECT_EQ(refused(""), "a.txt: holds no rows");
  EXPECT_EQ(refused("\xEF\xBB\xBFx"), "a.txt:1: begins with a byte-order mark; save it as UTF-8 without one");
  EXPECT_EQ(refused(std::string("x\ny\0z", 5)), "a.txt:2: contains a NUL byte");
  EXPECT_EQ(refused("x\n\xC3\xA4\n\xC3(\n"), "a.txt:3: is not valid UTF-8");
  EXPECT_EQ(refused("\xED\xA0\x80"), "a.txt:1: is not valid UTF-8");
}

TEST_F(TextFiles, LongRowsOfOtherKindsAreDropped) {
  const Dataset data = read_file(
      "a.jsonl", "{\"prompt\": \"p\", \"completion\": \"long\"}\n{\"prompt\": \"p\", \"completion\": \"s\"}\n",
      RowKind::completion, {.max_length = 3});
  ASSERT_EQ(data.rows().size(), 1u);
  EXPECT_EQ(data.rows()[0].number, 1);
  EXPECT_EQ(data.reading().too_long.count, 1);
}

TEST_F(TextFiles, RowsWithoutAnAnswerAreDroppedAndNamed) {
  const Dataset data = read_file(
      "a.jsonl",
      "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}\n"
      "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"assistant\", \"content\": \"\"}]}\n"
      "{\"messages\": []}\n"
      "{\"messages\": [{\"role\": \"assistant\", \"content\": \"x\"}]}\n",
      RowKind::messages, {.layout = LayoutKind::chatml});
  ASSERT_EQ(data.rows().size(), 1u);
  EXPECT_EQ(data.rows()[0].number, 3);
  EXPECT_EQ(data.reading().unlearned.count, 3);
}

}  // namespace
}  // namespace hone::data
