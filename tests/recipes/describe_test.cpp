#include <gtest/gtest.h>

#include <algorithm>

#include "tests/recipes/recipe_folder.h"

namespace hone::recipes {
namespace {

TEST(DescribeTest, NamesEveryKeyWithItsMeaning) {
  const std::string text = describe();
  const Json recipe = to_json(Recipe{});
  size_t keys = 0;
  for (const Json& entry : describe_json()) {
    const std::string key = entry["key"];
    EXPECT_NE(text.find("\n" + key + "   "), std::string::npos) << key;
    EXPECT_GE(entry["meaning"].get<std::string>().size(), 10u) << key;
    if (key.find('[') != key.npos) continue;
    ++keys;
    std::string path = "/" + key;
    std::ranges::replace(path, '.', '/');
    EXPECT_EQ(entry["default"], recipe.at(Json::json_pointer(path))) << key;
  }
  size_t expected = 0;
  for (const auto& section : recipe) {
    expected += section.size();
    for (const auto& value : section)
      if (value.is_object()) expected += value.size();
  }
  EXPECT_EQ(keys, expected);
}

TEST(DescribeTest, TellsOneKeyOrSection) {
  EXPECT_EQ(describe("adapter.lora_dropout"),
            "adapter.lora_dropout   number, at least 0, less than 1   default: 0\n"
            "    Share of the adapter's inputs zeroed while training. 0.05 to 0.1 helps with few rows.\n");
  EXPECT_EQ(describe("lora_dropout"), describe("adapter.lora_dropout"));
  EXPECT_EQ(describe("lr_scheduler").find("training.lr_scheduler   cosine | linear | constant   default: cosine\n"),
            0u);
  EXPECT_EQ(describe("output").find("output: Where results go.\n\noutput.dir   text\n"), 0u);
  EXPECT_EQ(describe("output").find("training"), std::string::npos);
  EXPECT_NE(describe("data.train").find("data.train[].type   messages | "), std::string::npos);
  EXPECT_EQ(describe_json("keep"), Json::array({{{"key", "output.keep"},
                                                 {"type", "integer"},
                                                 {"default", 2},
                                                 {"limits", "at least 1"},
                                                 {"meaning", "Checkpoints kept; older ones are removed."}}}));
  EXPECT_EQ(describe_json("data.check").size(), 14u);
  EXPECT_EQ(describe("check"), describe("data.check"));
  EXPECT_EQ(describe("max_secrets"),
            "data.check.max_secrets   number, at least 0\n"
            "    Rows with strings that look like passwords, tokens or keys.\n");
  EXPECT_EQ(describe_json("recompute")[0]["choices"], Json({"auto", "none", "selective", "full"}));
}

TEST(DescribeTest, SuggestsForAnUnknownName) {
  for (const auto& [name, said] : std::vector<std::pair<std::string, std::string>>{
           {"adaptor",
            "no section or key is called adaptor; did you mean adapter?  (hone recipe --describe lists every key)"},
           {"lora_alhpa",
            "no section or key is called lora_alhpa; did you mean lora_alpha?  (hone recipe --describe lists every "
            "key)"},
           {"zzzzzzzz", "no section or key is called zzzzzzzz  (hone recipe --describe lists every key)"}}) {
    try {
      describe(name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), said);
      EXPECT_EQ(error.code(), ExitCode::usage);
    }
  }
}

}  // namespace
}  // namespace hone::recipes
