// What each kind's records say, by hand: one row of a table a case.
#include "data/rows/kinds/kinds.h"

#include <gtest/gtest.h>

#include "tests/support/environment.h"

namespace hone::data {
namespace {

std::vector<Content> read(RowKind kind, const std::string& json, Names names = {}) {
  return RowReader(kind, std::move(names)).parse(json);
}

// The messages of a record's only conversation.
std::string messages_of(RowKind kind, const std::string& json, Names names = {}) {
  const std::vector<Content> said = read(kind, json, std::move(names));
  EXPECT_EQ(said.size(), 1u);
  return std::get<Conversation>(said[0]).messages.dump();
}

std::string refused(RowKind kind, const std::string& json, Names names = {}) {
  try {
    read(kind, json, std::move(names));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input);
    EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
    return error.what();
  }
  return "not refused";
}

TEST(Messages, KeepWhatTheySay) {
  EXPECT_EQ(messages_of(RowKind::messages,
                        R"({"id": 7, "messages": [{"name": "n", "role": "system", "content": "S"},
                            {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                            {"content": "U", "role": "user", "audio": null},
                            {"role": "assistant", "content": "A", "weight": 0, "reasoning_content": "R"},
                            {"role": "assistant", "content": "", "train": true}]})"),
            R"([{"role":"system","content":"S","name":"n"},{"role":"developer","content":"ab"},)"
            R"({"role":"user","content":"U"},{"role":"assistant","content":"A","reasoning_content":"R","train":false},)"
            R"({"role":"assistant","content":"","train":true}])");
}

TEST(Messages, CallTools) {
  const std::string record =
      R"({"messages": [{"role": "user", "content": "q"},
          {"role": "assistant", "content": null, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"b\": 1, \"a\": [null]}"}},
            {"id": "2", "type": "function", "function": {"name": "g", "arguments": {"x": {}}}},
            {"name": "h", "arguments": ""}]},
          {"role": "tool", "tool_call_id": "1", "content": "42"}],
          "tools": [{"type": "function", "function": {"name": "f"}}], "chat_template_kwargs": {"enable_thinking": false}})";
  const Conversation talk = std::get<Conversation>(read(RowKind::messages, record).at(0));
  EXPECT_EQ(talk.messages.dump(),
            R"([{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[)"
            R"({"id":"1","type":"function","function":{"name":"f","arguments":{"b":1,"a":[null]}}},)"
            R"({"id":"2","type":"function","function":{"name":"g","arguments":{"x":{}}}},)"
            R"({"name":"h","arguments":{}}]},{"role":"tool","content":"42","tool_call_id":"1"}])");
  EXPECT_EQ(talk.tools.dump(), R"([{"type":"function","function":{"name":"f"}}])");
  EXPECT_EQ(talk.variables.dump(), R"({"enable_thinking":false})");
}

TEST(Messages, OldCallsBecomeNewOnes) {
  const std::string record =
      R"({"messages": [{"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}},
          {"role": "function", "name": "f", "content": "1"}], "functions": [{"name": "f", "parameters": {}}]})";
  const Conversation talk = std::get<Conversation>(read(RowKind::messages, record).at(0));
  EXPECT_EQ(
      talk.messages.dump(),
      R"([{"role":"assistant","content":"","tool_calls":[{"type":"function","function":{"name":"f","arguments":{}}}]},)"
      R"({"role":"tool","content":"1","name":"f"}])");
  EXPECT_EQ(talk.tools.dump(), R"([{"type":"function","function":{"name":"f","parameters":{}}}])");
}

TEST(Messages, AreRefusedWithTheirPlace) {
  const auto one = [](const std::string& message) {
    return refused(RowKind::messages, R"({"messages": [)" + message + "]}");
  };
  EXPECT_EQ(one(R"({"role": "user"})"),
            "messages[0].content is missing; expected {\"messages\": [{\"role\": …, \"content\": …}, …]}; the record "
            "has role");
  EXPECT_EQ(one(R"({"role": "user", "content": [{"type": "image_url", "image_url": "secret"}]})"),
            "messages[0].content[0]: expected {\"type\": \"text\", \"text\": …}; other parts cannot be learned");
  EXPECT_EQ(one(R"({"role": "assistant", "content": "secret", "weight": 0.5})"), "messages[0].weight: expected 0 or 1");
  EXPECT_EQ(one(R"({"role": "assistant", "content": "secret", "train": "secret"})"),
            "messages[0].train: expected true or false, got a text");
  EXPECT_EQ(one(R"({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "secret"}}]})"),
            "messages[0].tool_calls[0].function.arguments: expected JSON in this text");
  EXPECT_EQ(one(R"({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[1]"}}]})"),
            "messages[0].tool_calls[0].function.arguments: expected an object, or one as text, got a list");
  EXPECT_EQ(one(R"({"role": "assistant", "tool_calls": [{"function": {"arguments": {}}}]})"),
            "messages[0].tool_calls[0].function.name: expected a text");
  EXPECT_EQ(one(R"({"role": "assistant", "tool_calls": {}})"),
            "messages[0].tool_calls: expected a list, got an object");
  EXPECT_EQ(refused(RowKind::messages, R"({"messages": [], "tools": {}})"),
            "tools: expected a list, or one as text, got an object");
}

TEST(Sharegpt, InItsOwnWordsAndInOpenAis) {
  const std::string expected = R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"}])";
  for (const RowKind kind : {RowKind::messages, RowKind::sharegpt}) {
    EXPECT_EQ(
        messages_of(kind, R"({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]})"),
        expected);
    EXPECT_EQ(
        messages_of(kind, R"({"conversations": [{"role": "user", "content": "q"}, {"from": "model", "value": "a"}]})"),
        expected);
  }
  EXPECT_EQ(messages_of(RowKind::sharegpt, R"({"system": "S", "conversations": [{"from": "human", "value": "q"}]})"),
            R"([{"role":"system","content":"S"},{"role":"user","content":"q"}])");
}

TEST(Sharegpt, CallsToolsInJsonTexts) {
  const Conversation talk = std::get<Conversation>(
      read(RowKind::sharegpt,
           R"({"conversations": [{"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"x\": 1}}"},
               {"from": "observation", "value": "2"}], "tools": "[{\"name\": \"f\"}]"})")
          .at(0));
  EXPECT_EQ(
      talk.messages.dump(),
      R"([{"role":"assistant","content":null,"tool_calls":[{"type":"function","function":{"name":"f","arguments":{"x":1}}}]},)"
      R"({"role":"tool","content":"2"}])");
  EXPECT_EQ(talk.tools.dump(), R"([{"name":"f"}])");
  EXPECT_EQ(refused(RowKind::sharegpt, R"({"conversations": [{"from": "function_call", "value": "secret"}]})"),
            "conversations[0].value: expected JSON in this text");
}

const std::string kTree =
    R"({"message_tree_id": "t", "prompt": {"text": "q", "role": "prompter", "deleted": "False", "replies": [
        {"text": "a", "role": "assistant", "replies": [
          {"text": "r", "role": "prompter", "replies": [{"text": "b", "role": "assistant"}]},
          {"text": "s", "role": "prompter", "replies": []}]},
        {"text": "c", "role": "assistant", "deleted": false}]}})";

TEST(Oasst, APathIsARow) {
  const std::vector<Content> said = read(RowKind::oasst, kTree);
  std::vector<std::string> paths;
  for (const Content& path : said) {
    std::string text;
    for (const OrderedJson& message : std::get<Conversation>(path).messages)
      text += message["role"].get<std::string>().substr(0, 1) + message["content"].get<std::string>() + " ";
    paths.push_back(text);
  }
  EXPECT_EQ(paths, (std::vector<std::string>{"uq aa ur ab ", "uq aa us ", "uq ac "}));
  for (const Content& path : said) EXPECT_EQ(split_key(path), split_key(said[0]));
}

TEST(Oasst, WrongTreesAreRefused) {
  EXPECT_EQ(refused(RowKind::oasst, R"({"prompt": {"text": "q", "role": "prompter", "replies": [
                                        {"text": "secret", "role": "assistant", "deleted": "True"}]}})"),
            "prompt.replies[0]: the message was deleted");
  EXPECT_NE(refused(RowKind::oasst, R"({"prompt": {"role": "prompter"}})").find("prompt.text is missing; expected"),
            std::string::npos);
  EXPECT_NE(
      refused(RowKind::oasst, R"({"prompt": {"text": "secret", "role": "secret"}})").find("prompt.role is neither"),
      std::string::npos);
  std::string deep = R"({"text": "x", "role": "prompter"})";
  for (int i = 0; i < 300; ++i) deep = R"({"text": "x", "role": "prompter", "replies": [)" + deep + "]}";
  EXPECT_EQ(refused(RowKind::oasst, R"({"prompt": )" + deep + "}"), "row: nested deeper than 512 levels");
  // A comb: every message has a leaf beside it, so that the paths grow with the square of the file.
  std::string comb = R"({"text": "x", "role": "prompter"})";
  const std::string leaf = R"({"text": "y", "role": "assistant"})";
  for (int i = 0; i < 200; ++i)
    comb =
        R"({"text": ")" + std::string(8000, 'x') + R"(", "role": "prompter", "replies": [)" + leaf + "," + comb + "]}";
  EXPECT_EQ(refused(RowKind::oasst, R"({"prompt": )" + comb + "}"),
            "the paths of the tree hold more than 64 MiB in all");
}

TEST(Alpaca, SystemAndHistory) {
  const PromptAnswer row = std::get<PromptAnswer>(
      read(RowKind::alpaca,
           R"({"instruction": "I", "input": "X", "output": "O", "system": "S", "history": [["a", "b"], ["c", "d"]]})")
          .at(0));
  EXPECT_EQ(row.prompt,
            "S\n\n### Instruction:\na\n\n### Response:\nb\n\n### Instruction:\nc\n\n### Response:\nd\n\n### "
            "Instruction:\nI\n\n### Input:\nX\n\n### Response:\n");
  EXPECT_EQ(row.answer, "O");
  EXPECT_EQ(refused(RowKind::alpaca, R"({"instruction": "I", "output": "O", "history": [["secret"]]})"),
            "history[0]: expected a list of two texts, what was asked and what was answered");
}

TEST(Completion, MessagesOfThePromptAreNotLearned) {
  EXPECT_EQ(messages_of(RowKind::completion,
                        R"({"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "x"},
                                                 {"role": "user", "content": "r"}], "completion": [{"role": "assistant", "content": "a"}]})"),
            R"([{"role":"user","content":"q","train":false},{"role":"assistant","content":"x","train":false},)"
            R"({"role":"user","content":"r","train":false},{"role":"assistant","content":"a"}])");
}

TEST(PreferencePairs, OfTextsAndOfMessages) {
  const auto texts = [](const std::string& json) {
    const Preference pair = std::get<Preference>(read(RowKind::preference, json).at(0));
    const auto &chosen = std::get<PromptAnswer>(pair.chosen), &rejected = std::get<PromptAnswer>(pair.rejected);
    EXPECT_EQ(chosen.prompt, rejected.prompt);
    return chosen.prompt + "|" + chosen.answer + "|" + rejected.answer;
  };
  EXPECT_EQ(texts(R"({"prompt": "P", "chosen": "C", "rejected": "R"})"), "P|C|R");
  EXPECT_EQ(texts(R"({"question": "P", "chosen": "C", "rejected": "R"})"), "P\n|C|R");
  EXPECT_EQ(texts(R"({"chosen": "Human: hi\nBot: yes", "rejected": "Human: hi\nBot: no"})"),
            "Human: hi\nBot:| yes| no");
  EXPECT_EQ(texts("{\"chosen\": \"\xC3\xA4\", \"rejected\": \"\xC3\xB6\"}"), "|\xC3\xA4|\xC3\xB6");
  EXPECT_EQ(texts(R"({"instruction": "I", "input": "X", "output": "-", "chosen": "C", "rejected": "R"})"),
            alpaca_prompt("I", "X") + "|C|R");
  const auto talks = [](const std::string& json) {
    const Preference pair = std::get<Preference>(read(RowKind::preference, json).at(0));
    return std::get<Conversation>(pair.chosen).messages.dump() + std::get<Conversation>(pair.rejected).messages.dump();
  };
  const std::string expected =
      R"([{"role":"user","content":"q"},{"role":"assistant","content":"c"}][{"role":"user","content":"q"},{"role":"assistant","content":"r"}])";
  const std::string q = R"({"role": "user", "content": "q"})", c = R"({"role": "assistant", "content": "c"})",
                    r = R"({"role": "assistant", "content": "r"})";
  EXPECT_EQ(talks("{\"chosen\": [" + q + "," + c + "], \"rejected\": [" + q + "," + r + "]}"), expected);
  EXPECT_EQ(talks("{\"prompt\": [" + q + "], \"chosen\": [" + c + "], \"rejected\": [" + r + "]}"), expected);
  EXPECT_EQ(talks("{\"prompt\": \"q\", \"chosen\": [" + c + "], \"rejected\": [" + r + "]}"), expected);
  EXPECT_EQ(talks("{\"prompt\": \"q\", \"chosen\": [" + q + "," + c + "], \"rejected\": [" + q + "," + r + "]}"),
            expected);
  EXPECT_EQ(refused(RowKind::preference, "{\"chosen\": [" + q + "], \"rejected\": [" + q + "," + r + "]}"),
            "chosen: expected the last message to be an answer");
  EXPECT_EQ(refused(RowKind::preference, "{\"chosen\": \"secret\", \"rejected\": [" + r + "]}"),
            "rejected: expected a text, got a list");
}

TEST(Fields, HaveOtherNames) {
  const Names names{.fields = {{"messages", "dialog"}, {"role", "speaker"}, {"content", "text"}},
                    .roles = {{"customer", "user"}, {"agent", "assistant"}, {"critic", "critic"}}};
  EXPECT_EQ(messages_of(RowKind::messages,
                        R"({"dialog": [{"speaker": "customer", "text": "q"}, {"speaker": "agent", "text": "a"},
                                               {"speaker": "critic", "text": "c"}]})",
                        names),
            R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"critic","content":"c"}])");
  EXPECT_EQ(refused(RowKind::messages, R"({"dialogue": [], "id": 1})", names),
            "dialog is missing; expected {\"messages\": [{\"role\": …, \"content\": …}, …]}; did you mean dialogue?");
  EXPECT_EQ(refused(RowKind::messages, R"({"dialog": [{"speaker": "secret", "text": "x"}]})", names).substr(0, 36),
            "dialog[0].speaker is none of system,");
  const PromptAnswer row =
      std::get<PromptAnswer>(read(RowKind::alpaca, R"({"question": "I", "answer": "O"})",
                                  {.fields = {{"instruction", "question"}, {"output", "answer"}}, .roles = {}})
                                 .at(0));
  EXPECT_EQ(row.prompt, alpaca_prompt("I", ""));
  try {
    RowReader(RowKind::alpaca, {.fields = {{"instructon", "question"}}, .roles = {}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_EQ(std::string(error.what()),
              "data.train[].fields: rows of type alpaca have no field instructon; did you mean instruction?");
  }
}

TEST(Kinds, HaveNamesOfTheirOwn) {
  for (int k = 0; k <= int(RowKind::preference); ++k) EXPECT_EQ(kind_named(kind(RowKind(k)).name).kind, RowKind(k));
}

}  // namespace
}  // namespace hone::data
