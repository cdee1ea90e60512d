// hone render: what people and programs see of a chat template.
#include <gtest/gtest.h>

#include "kernels/host/json.h"
#include "tests/support/letters.h"

namespace hone::test {
namespace {

class RenderTest : public testing::Test {
 protected:
  RenderTest() {
    write_letters_tokenizer(folder_, "model");
    folder_.write("model/chat_template.jinja",
                  "{% if messages[0].role == 'tool' %}{{ raise_exception('tools come later') }}{% endif %}"
                  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
                  "{% if add_generation_prompt %}<|im_start|>assistant\n{{ hint }}{% endif %}");
  }
  Outcome render(const std::vector<std::string>& more, const std::string& input) {
    std::vector<std::string> arguments{"render", (folder_ / "model").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_hone(arguments, input);
  }
  TemporaryFolder folder_;
};

TEST_F(RenderTest, ShowsTextIdsAndWhatIsLearned) {
  const Outcome shown =
      render({}, R"({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]})");
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_NE(shown.out.find("line 1\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«b<|im_end|>»\n"),
            std::string::npos)
      << shown.out;
  EXPECT_NE(shown.out.find(" tokens, 2 learned, ends with \"\\n\" (not learned)"), std::string::npos) << shown.out;
  const Outcome wrong = render({}, "{\"messages\": []}\n");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_NE(wrong.err.find("line 1: "), std::string::npos) << wrong.err;
}

TEST_F(RenderTest, AnswersEachLineOfJsonByOne) {
  const Outcome out =
      render({"--json"},
             R"({"messages": [{"role": "user", "content": "a"}], "add_generation_prompt": true, "hint": "h"}
{"messages": [{"role": "tool", "content": "secret"}]}
{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
)");
  EXPECT_EQ(out.exit_code, 0) << out.err;
  std::istringstream lines(out.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line).at("text"), "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nh");
  std::getline(lines, line);
  EXPECT_NE(Json::parse(line).at("error").get<std::string>().find("tools come later"), std::string::npos) << line;
  EXPECT_EQ(line.find("secret"), std::string::npos);
  std::getline(lines, line);
  const Json last = Json::parse(line);
  ASSERT_EQ(last.at("ids").size(), last.at("learned").size());
  int learned = 0;
  for (const Json& one : last.at("learned")) learned += one.get<int>();
  EXPECT_EQ(learned, 2);  // b and its end token
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(RenderTest, SaysWhatIsMissing) {
  fs::remove(folder_ / "model/chat_template.jinja");
  const Outcome none = render({"--json"}, "");
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_NE(none.err.find("has no chat template"), std::string::npos) << none.err;
  EXPECT_EQ(render({"--template", (folder_ / "other.jinja").string()}, "").exit_code, 3);
  EXPECT_EQ(
      render({"--template", folder_.write("own.jinja", "{{ messages[0].content }}").string(), "--date", "today"}, "")
          .exit_code,
      2);
}

}  // namespace
}  // namespace hone::test
