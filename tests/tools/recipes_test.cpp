// The recipes that come along: listed, copied, each valid once its two paths are changed, each line explained.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "kernels/host/file.h"
#include "recipes/shipped.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

TEST(ShippedRecipes, AreTheFilesOfTheProject) {
  std::vector<std::string> files, names;
  for (const auto& entry : fs::directory_iterator(source_folder() / "recipes"))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().stem().string());
  for (const recipes::ShippedRecipe& recipe : recipes::shipped_recipes()) {
    names.emplace_back(recipe.name);
    EXPECT_EQ(recipe.text, contents(source_folder() / "recipes" / (names.back() + ".yaml"))) << names.back();
  }
  std::ranges::sort(files), std::ranges::sort(names);
  EXPECT_EQ(names, files);
  EXPECT_GE(names.size(), 5u);
}

TEST(ShippedRecipes, EachIsValidOnceItsTwoPathsAreChanged) {
  const TemporaryFolder folder;
  folder.write("model/config.json", "{}");
  folder.write("rows.jsonl", "{}\n");
  int validated = 0;
  for (const recipes::ShippedRecipe& recipe : recipes::shipped_recipes()) {
    if (recipe.name == "quickstart") continue;  // its paths are the project's own
    const fs::path copy = folder / (std::string(recipe.name) + "-mine.yaml");
    const Outcome copied = run_hone({"recipe", "copy", std::string(recipe.name), copy.string()});
    ASSERT_EQ(copied.exit_code, 0) << copied.err;
    EXPECT_EQ(contents(copy), recipe.text);
    EXPECT_EQ(run_hone({"validate", copy.string()}).exit_code, 2) << "its paths are examples";
    const Outcome valid = run_hone({"validate", copy.string(), "--set", "model.path=" + (folder / "model").string(),
                                    "--set", "data.train[0].path=" + (folder / "rows.jsonl").string()});
    EXPECT_EQ(valid.exit_code, 0) << recipe.name << "\n" << valid.err;
    ++validated;
  }
  EXPECT_GE(validated, 5);
}

TEST(ShippedRecipes, EveryKeyOfANewRecipeIsExplained) {
  for (const recipes::ShippedRecipe& recipe : recipes::shipped_recipes()) {
    if (recipe.name == "quickstart") continue;
    std::istringstream lines{std::string(recipe.text)};
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      EXPECT_TRUE(!line.starts_with("  ") || line.find(" # ") != std::string::npos) << recipe.name << ":" << number;
    }
    EXPECT_TRUE(recipe.text.starts_with("# ")) << recipe.name;
  }
}

TEST(ShippedRecipes, ListAndCopySayWhatIsThereAndOverwriteNothing) {
  const TemporaryFolder folder;
  const Outcome list = run_hone({"recipe", "list"});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  EXPECT_NE(list.out.find("chat-qlora     Chats in the base's own layout"), std::string::npos) << list.out;
  EXPECT_EQ(run_hone({"recipe"}).out, list.out);
  const Outcome wrong = run_hone({"recipe", "copy", "chat-qlra"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.err.find("did you mean chat-qlora?"), std::string::npos) << wrong.err;
  const std::string place = folder.write("mine.yaml", "mine");
  EXPECT_EQ(run_hone({"recipe", "copy", "text", place}).exit_code, 2);
  EXPECT_EQ(contents(place), "mine");
  ASSERT_EQ(run_hone({"recipe", "copy", "text", folder.path().string()}).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder / "text.yaml"));
  EXPECT_EQ(run_hone({"recipe", "--json"}).exit_code, 2) << "only with --describe";
}

}  // namespace
}  // namespace hone::test
