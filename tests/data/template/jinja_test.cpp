// Chat templates against what transformers made of them (tests/golden/templates).
#include <gtest/gtest.h>

#include "data/template/jinja/template.h"
#include "kernels/host/file.h"
#include "kernels/host/hash.h"
#include "tests/support/environment.h"

namespace hone::data::jinja {
namespace {

namespace fs = std::filesystem;

OrderedJson golden_json(const std::string& name) {
  return parse_ordered_json(read_text(test::golden("templates/" + name)), name);
}

Settings settings() {
  Settings made;
  made.now = std::tm{};
  made.now->tm_year = 124, made.now->tm_mon = 6, made.now->tm_mday = 26, made.now->tm_wday = 5, made.now->tm_yday = 207;
  return made;
}

std::vector<Range> ranges(const OrderedJson& pairs) {
  std::vector<Range> all;
  for (const auto& pair : pairs) all.push_back({pair[0], pair[1]});
  return all;
}

// What rendering gives, or nothing where it is refused, as input that is wrong.
std::optional<Rendering> rendered(const std::string& source, const OrderedJson& data, const OrderedJson& variables) {
  try {
    return Template::parse(source, "t").render(data, variables, settings());
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input) << error.what();
    EXPECT_TRUE(std::string(error.what()).starts_with("t:")) << error.what();
    return {};
  }
}

TEST(Jinja, Features) {
  const OrderedJson data = golden_json("features_data.json");
  int accepted = 0, refused = 0;
  for (const auto& entry : golden_json("features.json")) {
    const std::string source = entry[0];
    SCOPED_TRACE(source);
    const auto made = rendered(source, data, OrderedJson::object());
    EXPECT_EQ(made.has_value(), entry[1].is_string());
    if (!made || !entry[1].is_string()) {
      ++refused;
      continue;
    }
    ++accepted;
    EXPECT_EQ(made->text, entry[1].get<std::string>());
    EXPECT_EQ(made->generation, ranges(entry[2]));
  }
  EXPECT_GT(accepted, 300);
  EXPECT_GT(refused, 100);
}

class PublishedTemplates : public testing::TestWithParam<const char*> {};

TEST_P(PublishedTemplates, RenderAsTransformersDoes) {
  if (!test::fixtures()) HONE_SKIP("HONE_REQUIRE_FIXTURES", "needs the folder HONE_FIXTURES");
  const OrderedJson given = golden_json("conversations.json");
  int compared = 0;
  for (const auto& file : golden_json(GetParam() + std::string(".json"))) {
    const fs::path path = *test::fixtures() / "templates" / GetParam() / file[0].get<std::string>();
    const Template chat = Template::parse(read_text(path), path.filename());
    for (const auto& [name, messages] : given[0].items()) {
      size_t at = 0;
      for (const auto& [which, extra] : given[1].items()) {
        SCOPED_TRACE(path.filename().string() + ", " + name + ", " + which);
        OrderedJson data = {{"messages", messages}, {"tools", nullptr}, {"documents", nullptr}};
        OrderedJson variables = {{"add_generation_prompt", false}, {"bos_token", "<s>"}, {"eos_token", "</s>"}};
        for (const auto& [key, value] : extra.items()) (data.contains(key) ? data : variables)[key] = value;
        const auto& entries = file[1][name];
        const OrderedJson& expected = entries[entries.size() == 1 ? 0 : at++];
        OrderedJson got;
        try {
          const Rendering row = chat.render(data, variables, settings());
          got = sha256_of(row.text).substr(0, 16);
          EXPECT_EQ(row.generation, expected.is_array() ? ranges(expected[1]) : std::vector<Range>());
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ExitCode::input) << error.what();
        }
        EXPECT_EQ(got, expected.is_array() ? expected[0] : expected);
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 2000);
}

INSTANTIATE_TEST_SUITE_P(Folders, PublishedTemplates, testing::Values("llama.cpp", "mistral", "trl"),
                         [](const auto& folder) {
                           return folder.param == std::string("llama.cpp") ? "llama_cpp" : folder.param;
                         });

}  // namespace
}  // namespace hone::data::jinja
