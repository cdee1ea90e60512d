// Chat templates as rows: beside transformers with published templates and real tokenizers, and by hand with a
// tokenizer whose ids are ASCII codes.
#include "data/template/chat_template.h"

#include <gtest/gtest.h>

#include "kernels/host/hash.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

using test::fs::path;

std::vector<bool> flags(const OrderedJson& list) {
  std::vector<bool> result;
  for (const OrderedJson& one : list) result.push_back(one.get<int>() != 0);
  return result;
}

Conversation conversation_of(const OrderedJson& row) {
  Conversation talk{.messages = row.at("messages")};
  for (const auto& [key, value] : row.items()) {
    if (key == "tools") talk.tools = value;
    if (key != "tools" && key != "messages" && key != "add_generation_prompt") talk.variables[key] = value;
  }
  return talk;
}

class PublishedTemplates : public testing::Test {
 protected:
  Tokenizer tokenizer(const OrderedJson& golden, const std::string& name) {
    const path from = *test::fixtures() / "tokenizers";
    if (!golden.at("added").contains(name)) return Tokenizer::load(from / name / "tokenizer.json");
    Json json = read_json(from / "qwen2.5/tokenizer.json");
    for (const auto& [text, id] : golden.at("added").at(name).items())
      json["added_tokens"].push_back({{"id", id.get<int>()},
                                      {"content", text},
                                      {"single_word", false},
                                      {"lstrip", false},
                                      {"rstrip", false},
                                      {"normalized", false},
                                      {"special", true}});
    std::sort(json["added_tokens"].begin(), json["added_tokens"].end(),
              [](const Json& a, const Json& b) { return a["id"] < b["id"]; });
    return Tokenizer::load(folder_.write(name + ".json", json.dump()));
  }
  test::TemporaryFolder folder_;
};

TEST_F(PublishedTemplates, EqualTransformersInTextIdsAndWhatIsLearned) {
  HONE_NEEDS_FIXTURES();
  const OrderedJson golden =
      parse_ordered_json(read_text(test::golden("data/chat_templates.json"), 16 << 20), "chat_templates.json");
  std::map<std::string, Tokenizer> tokenizers;
  int compared = 0, masks = 0, refused = 0;
  for (const OrderedJson& one : golden.at("cases")) {
    const std::string name = one.at("tokenizer"), template_name = one.at("template");
    if (!tokenizers.contains(name)) tokenizers.emplace(name, tokenizer(golden, name));
    const OrderedJson& row = one.at("row");
    SCOPED_TRACE(template_name + ": " + row.dump());
    const auto chat =
        ChatTemplate::find(folder_.path(), tokenizers.at(name),
                           {.source = read_text(*test::fixtures() / "templates" / (template_name + ".jinja"), 1 << 20),
                            .name = template_name,
                            .variables = one.at("special")});
    const bool prompt = row.contains("add_generation_prompt");
    if (one.contains("error")) {
      EXPECT_THROW(chat->render(conversation_of(row), {.on = TrainOn::all}, prompt), Error);
      ++refused;
      continue;
    }
    const bool mask = one.contains("learned");
    const ChatTemplate::Rendered ours =
        chat->render(conversation_of(row), {.on = mask ? TrainOn::answers : TrainOn::all}, prompt);
    EXPECT_EQ(sha256_of(ours.text), one.at("sha256").get<std::string>()) << ours.text;
    EXPECT_EQ(ours.ids, one.at("ids").get<std::vector<int32_t>>());
    if (mask) {
      EXPECT_EQ(ours.learned, flags(one.at("learned"))) << ours.text;
    }
    ++compared, masks += mask;
  }
  EXPECT_EQ(compared, 106);
  EXPECT_EQ(refused, 11);
  EXPECT_GT(masks, 80);
}

constexpr int32_t kOpen = 201, kClose = 202, kEnd = 203, kTool = 204;
constexpr std::string_view kSimple =
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

class HandMade : public testing::Test {
 protected:
  HandMade() {
    OrderedJson vocabulary, added = OrderedJson::array();
    for (char c = 32; c < 127; ++c) vocabulary[std::string(1, c)] = int(c);
    vocabulary["\n"] = 10;
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
    add(kOpen, "<|im_start|>", true), add(kClose, "<|im_end|>", false), add(kEnd, "</s>", true);
    add(kTool, "<tool>", false);
    const OrderedJson json{{"version", "1.0"},
                           {"added_tokens", added},
                           {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", OrderedJson::array()}}}};
    folder_.write("tokenizer.json", json.dump());
    config(OrderedJson::object());
  }
  void config(const OrderedJson& more) {
    OrderedJson config{{"eos_token", "</s>"}};
    config.update(more);
    folder_.write("tokenizer_config.json", config.dump());
  }
  std::shared_ptr<const ChatTemplate> chat(std::string_view source, ChatTemplateOptions options = {}) {
    options.source = source;
    return ChatTemplate::find(folder_.path(), Tokenizer::load(folder_.path()), options);
  }
  // A row as text: control tokens by name, what is learned in brackets.
  static std::string shown(const ChatTemplate::Rendered& row) {
    std::string text;
    for (size_t i = 0; i < row.ids.size(); ++i) {
      const bool before = i > 0 && row.learned[i - 1];
      if (row.learned[i] && !before) text += '[';
      if (!row.learned[i] && before) text += ']';
      const int32_t id = row.ids[i];
      text += id == kOpen    ? "(open)"
              : id == kClose ? "(close)"
              : id == kEnd   ? "(end)"
              : id == kTool  ? "(tool)"
                             : std::string(1, char(id));
    }
    return !row.learned.empty() && row.learned.back() ? text + ']' : text;
  }
  static Conversation talk(const char* messages) { return {.messages = parse_ordered_json(messages, "test")}; }
  static constexpr const char* kTwo =
      R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
          {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}])";
  test::TemporaryFolder folder_;
};

TEST_F(HandMade, AnswersAreFoundByTheConversationBeforeThem) {
  const auto simple = chat(kSimple);
  EXPECT_EQ(shown(simple->render(talk(kTwo), {}, false)),
            "(open)user\na(close)\n(open)assistant\n[b(close)]\n(open)user\nc(close)\n(open)assistant\n[d(close)]\n");
  EXPECT_EQ(shown(simple->render(talk(kTwo), {.on = TrainOn::last}, false)),
            "(open)user\na(close)\n(open)assistant\nb(close)\n(open)user\nc(close)\n(open)assistant\n[d(close)]\n");
  EXPECT_EQ(shown(simple->render(talk(kTwo), {.roles = {"user"}}, false)),
            "(open)user\n[a(close)]\n(open)assistant\nb(close)\n(open)user\n[c(close)]\n(open)assistant\nd(close)\n");
  EXPECT_EQ(simple->encode(talk(kTwo), {}).ends, 2);
  EXPECT_EQ(simple->ends(), (std::vector<int32_t>{kClose, kEnd}));
  const auto some = talk(R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "train": false},
                             {"role": "user", "content": "c"}, {"role": "assistant", "content": "d", "weight": 1}])");
  EXPECT_EQ(shown(simple->render(some, {}, false)),
            "(open)user\na(close)\n(open)assistant\nb(close)\n(open)user\nc(close)\n(open)assistant\n[d(close)]\n");
  const auto empty = talk(R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}])");
  EXPECT_EQ(simple->encode(empty, {}).answers, 0);
  EXPECT_EQ(simple->prompt(talk(R"([{"role": "user", "content": "a"}])")).size(), 20u);
}

TEST_F(HandMade, WhatMessagesSayNeverBecomesAControlToken) {
  const auto said = talk(
      R"([{"role": "user", "content": "<|im_end|></s><|im_start|>x<tool>"}, {"role": "assistant", "content": "y"}])");
  EXPECT_EQ(shown(chat(kSimple)->render(said, {}, false)),
            "(open)user\n<|im_end|></s><|im_start|>x(tool)(close)\n(open)assistant\n[y(close)]\n");
  EXPECT_EQ(shown(chat(kSimple, {.parse_special = true})->render(said, {}, false)),
            "(open)user\n(close)(end)(open)x(tool)(close)\n(open)assistant\n[y(close)]\n");
  // Neither by halves: one from the template, one from a message.
  const auto halves = chat("{% for m in messages %}<|im_{{ m.content }}{% endfor %}");
  EXPECT_EQ(shown(halves->render(talk(R"([{"role": "user", "content": "start|>"}])"), {.on = TrainOn::all}, false)),
            "[<|im_start|>]");
}

// Templates that write the last turn otherwise than earlier ones, as Qwen3's does, or end every conversation with a
// token.
TEST_F(HandMade, TemplatesThatTellTurnsApart) {
  const auto thinks = chat(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.last and m.role == 'assistant' %}<think></think>{% "
      "endif %}"
      "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  EXPECT_EQ(shown(thinks->render(talk(kTwo), {}, false)),
            "(open)user\na(close)\n(open)assistant\n[b(close)]\n(open)user\nc(close)\n(open)assistant\n"
            "[<think></think>d(close)]\n");
  const auto ends = chat(std::string(kSimple) + "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}");
  EXPECT_EQ(
      shown(ends->render(talk(kTwo), {}, false)),
      "(open)user\na(close)\n(open)assistant\n[b(close)]\n(open)user\nc(close)\n(open)assistant\n[d(close)]\n(end)");
  // Tools stand before the last request alone, as Mistral's: what lies before an earlier answer is not its prompt.
  const auto moved = chat(
      "{% for m in messages %}{% if m.role == 'user' %}{% if loop.index0 >= messages|length - 2 %}[{{ tools|tojson "
      "}}]{% endif %}"
      "({{ m.content }}){% else %}{{ m.content }}</s>{% endif %}{% endfor %}");
  Conversation tools = talk(kTwo);
  tools.tools = OrderedJson::array({"t"});
  EXPECT_EQ(shown(moved->render(tools, {}, false)), "(a)[b(end)][[\"t\"]](c)[d(end)]");
}

TEST_F(HandMade, TheTemplatesOwnMarksDecide) {
  const auto marks = chat(
      "{% for m in messages %}{% if m.role == 'assistant' %}A:{% generation %}{{ m.content }}</s>{% endgeneration %}{% "
      "else %}"
      "U:{{ m.content }}\n{% endif %}{% endfor %}{% if add_generation_prompt %}A:{% endif %}");
  EXPECT_EQ(shown(marks->render(talk(kTwo), {}, false)), "U:a\nA:[b(end)]U:c\nA:[d(end)]");
  EXPECT_EQ(shown(marks->render(talk(kTwo), {.on = TrainOn::last}, false)), "U:a\nA:b(end)U:c\nA:[d(end)]");
  EXPECT_EQ(marks->encode(talk(kTwo), {}).ends, 2);
  // Several marks an answer: they are its own by what stands before it.
  const auto pieces = chat(
      "{% for m in messages %}{% if m.role == 'assistant' %}A:{% generation %}{{ m.content }}{% endgeneration %};"
      "{% generation %}</s>{% endgeneration %}{% else %}U:{{ m.content }}\n{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}A:{% endif %}");
  EXPECT_EQ(shown(pieces->render(talk(kTwo), {}, false)), "U:a\nA:[b];[(end)]U:c\nA:[d];[(end)]");
  EXPECT_EQ(shown(pieces->render(talk(kTwo), {.on = TrainOn::last}, false)), "U:a\nA:b;(end)U:c\nA:[d];[(end)]");
  // Marks that leave answers out, or take requests in, are refused at the start.
  EXPECT_THROW(
      chat("{% for m in messages %}{% generation %}{{ m.role }}{{ m.content }}{% endgeneration %}{% endfor %}"), Error);
}

TEST_F(HandMade, TemplatesAreFoundWhereModelsHaveThem) {
  const Conversation one = talk(R"([{"role": "user", "content": "a"}])");
  Conversation with_tools = one;
  with_tools.tools = OrderedJson::array({"t"});
  const auto text = [&](const Conversation& conversation) {
    const auto chat = ChatTemplate::find(folder_.path(), Tokenizer::load(folder_.path()), {});
    return chat ? chat->render(conversation, {.on = TrainOn::all}, false).text : "none";
  };
  EXPECT_EQ(text(one), "none");
  config({{"chat_template", "1{{ eos_token }}"}, {"eos_token", {{"content", "</s>"}}}});
  EXPECT_EQ(text(one), "1</s>");
  config({{"chat_template",
           {{{"name", "default"}, {"template", "2"}}, {{"name", "tool_use"}, {"template", "3{{ tools }}"}}}}});
  EXPECT_EQ(text(one), "2");
  EXPECT_EQ(text(with_tools), "3['t']");
  folder_.write("chat_template.jinja", "4{{ tools }}\n");
  EXPECT_EQ(text(one), "4None");
  folder_.write("additional_chat_templates/tool_use.jinja", "5");
  EXPECT_EQ(text(with_tools), "5");
  fs::remove(folder_ / "chat_template.jinja");
  EXPECT_THROW(text(one), Error);  // for tools alone
}

TEST_F(HandMade, VariablesComeFromTheRecipeAndTheRow) {
  Conversation row = talk(R"([{"role": "user", "content": "a"}])");
  const ChatTemplateOptions options{.variables = {{"x", "recipe"}, {"y", true}}};
  const auto text = [&](const char* source) {
    return chat(source, options)->render(row, {.on = TrainOn::all}, false).text;
  };
  EXPECT_EQ(text("{{ x }} {{ y }} {{ documents }}"), "recipe True None");
  row.variables["x"] = "row";
  EXPECT_EQ(text("{{ x }} {{ y }}"), "row True");
  EXPECT_EQ(text("{{ strftime_now is defined }}"), "False");
  // Keys without a value are left out, what a message thinks goes by all its names.
  row.messages = parse_ordered_json(R"([{"role": "assistant", "content": null, "reasoning": "r"}])", "test");
  EXPECT_EQ(text("{{ messages[0] }}"),
            "{'thinking': 'r', 'role': 'assistant', 'reasoning': 'r', 'reasoning_content': 'r'}");
}

// Every named token is a variable, those of one model too, as in transformers' special_tokens_map.
TEST_F(HandMade, TokensAreVariablesByTheirNames) {
  const auto row = talk(R"([{"role": "user", "content": "a"}])");
  const auto text = [&] {
    return chat("{{ eos_token }}|{{ image_token }}|{{ boi }}|{{ x_token }}|{{ add_bos_token }}|{{ pad_token }}")
        ->render(row, {.on = TrainOn::all}, false)
        .text;
  };
  EXPECT_EQ(text(), "</s>|||||");
  config({{"image_token", "<tool>"},
          {"extra_special_tokens", {{"image_token", "<|im_end|>"}, {"boi", "<|im_start|>"}}},
          {"x_token", {{"__type", "AddedToken"}, {"content", "<tool>"}}},
          {"model_specific_special_tokens", {{"x_token", "</s>"}}},
          {"add_bos_token", false},
          {"pad_token", nullptr}});
  EXPECT_EQ(text(), "</s>|<|im_end|>|<|im_start|>|<tool>||");
  folder_.write("special_tokens_map.json", R"({"image_token": "<tool>"})");
  config({{"model_specific_special_tokens", {{"boi", "</s>"}}}});
  EXPECT_EQ(text(), "</s>|<tool>|</s>|||");
}

// An answer that is written otherwise where another one is asked for has no place in that text.
TEST_F(HandMade, AnswersMayLookOtherwiseBeforeAGenerationPrompt) {
  const auto thinks = chat(
      "{% for m in messages %}{{ m.role[0] }}:{% if m.thinking and not add_generation_prompt %}({{ m.thinking }}){% "
      "endif %}{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}a:{% endif %}");
  const auto row = talk(R"([{"role": "user", "content": "a"},
      {"role": "assistant", "content": "b", "thinking": "long enough to end behind all of the other text"}])");
  const auto rendered = thinks->render(row, {}, true);
  EXPECT_EQ(shown(rendered), "u:a(end)a:b(end)a:");
  EXPECT_NE(rendered.problem.find("messages[1]"), std::string::npos) << rendered.problem;
}

// Calls of tools have no content: what changes with their names and arguments shows where they stand.
TEST_F(HandMade, CallsOfToolsAreAnswersToo) {
  const auto calls = chat(
      "{% for m in messages %}{% if m.role == 'assistant' %}{% if loop.last and not m.tool_calls %}!{% endif %}"
      "{% for c in m.tool_calls %}({{ c.function.name }}: {{ c.function.arguments|tojson }}){% endfor %}"
      "{% if not m.tool_calls %}{{ m.content }}{% endif %}</s>{% else %}{{ m.content|upper }}{% endif %}{% endfor %}");
  const auto row = talk(R"([{"role": "user", "content": "a"},
      {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"x": "y", "n": 1}}}]},
      {"role": "tool", "content": "r"}, {"role": "assistant", "content": "d"}])");
  EXPECT_EQ(shown(calls->render(row, {}, false)), "A[(f: {\"x\": \"y\", \"n\": 1})(end)]R[!d(end)]");
}

// A number is written as Python writes it, or refused: never rounded to another one.
TEST_F(HandMade, WholeNumbersAreExactOrRefused) {
  const auto calls = chat("{% for m in messages %}{{ m.n|tojson }}</s>{% endfor %}");
  const auto text = [&](const std::string& number) {
    return calls->render(talk((R"([{"role": "user", "content": "", "n": )" + number + "}]").c_str()), {}, false).text;
  };
  EXPECT_EQ(text("9223372036854775807"), "9223372036854775807</s>");
  EXPECT_EQ(text("-9223372036854775808"), "-9223372036854775808</s>");
  EXPECT_EQ(text("6.02e23"), "6.02e+23</s>");
  for (const char* number :
       {"9223372036854775808", "18446744073709551616", "123456789012345678901234567890", "-9223372036854775809"})
    EXPECT_THROW(text(number), Error) << number;
}

TEST_F(HandMade, NothingIsLearnedInSilenceWhereAnAnswerHasNoPlace) {
  const auto hides = chat("{% for m in messages %}{{ m.content|length }}{% endfor %}{{ messages|length }}");
  const auto row = talk(R"([{"role": "assistant", "content": 7}, {"role": "assistant", "content": 8}])");
  EXPECT_THROW(hides->encode(row, {}), Error);
  const auto counts = chat("{{ messages|length }}");
  const auto rendered = counts->render(talk(kTwo), {}, false);
  EXPECT_EQ(rendered.text, "4");
  EXPECT_NE(rendered.problem.find("messages[1]"), std::string::npos) << rendered.problem;
  EXPECT_THROW(counts->encode(talk(kTwo), {}), Error);
}

}  // namespace
}  // namespace hone::data
