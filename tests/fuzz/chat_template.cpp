// A chat template and JSON data for it, rendered with small limits: with the data marked, then with the data trusted.
#include "data/template/jinja/template.h"

#include "data/tokenizer/unicode.h"
#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

// The input: a template, a line "---", and an object of data (else a conversation of two).
constexpr std::string_view kBetween = "\n---\n";
constexpr const char* kConversation =
    R"({"messages": [{"role": "user", "content": " Hi, W\u00f6rld\n"}, {"role": "assistant", "content": null,
        "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5, true]}}}]}], "xs": [3, 1, 2], "n": 7})";

bool chat_template(std::string_view bytes) {
  const size_t at = bytes.rfind(kBetween);
  const std::string source = data::lossy_utf8(bytes.substr(0, at));
  const std::string_view given = at == std::string_view::npos ? kConversation : bytes.substr(at + kBetween.size());
  return accepted([&] {
    const OrderedJson json = parse_ordered_json(given, "data", {.bytes = 1 << 16});
    require(json.is_object(), ExitCode::input, "data: expected an object");
    const data::jinja::Limits limits{.steps = 100'000, .depth = 40, .output = 1 << 20};
    const auto chat = data::jinja::Template::parse(source, "fuzz", limits);
    const data::jinja::Settings settings{limits, std::tm{}};
    const OrderedJson variables = {{"bos_token", "<s>"}, {"add_generation_prompt", true}};
    const data::jinja::Rendering row = chat.render(json, variables, settings);
    check(data::lossy_utf8(row.text) == row.text, "UTF-8");
    check(row.text.size() <= limits.output, "the limit of the output");
    for (const auto* ranges : {&row.data, &row.generation}) {
      uint32_t end = 0;
      for (const data::Range& range : *ranges) {
        check(range.begin < range.end && range.end <= row.text.size(), "a range lies in the text");
        check(range.begin > end || (range.begin == 0 && end == 0), "ranges are ascending and apart");
        end = range.end;
      }
    }
    check(chat.has_generation() || row.generation.empty(), "generation");
    const data::jinja::Rendering trusted = chat.render(OrderedJson::object(), json, settings);
    check(trusted.data.empty(), "what is trusted has no marks");
    check(trusted.text == row.text || json.contains("bos_token") || json.contains("add_generation_prompt") ||
              source.find("bos_token") != std::string::npos ||
              source.find("add_generation_prompt") != std::string::npos,
          "marks change nothing");
  });
}

const FuzzTarget target("chat_template", chat_template);

}  // namespace
}  // namespace hone::test
