// A recipe read from YAML: values, defaults, overrides, and the way back.
#include "recipes/recipe.h"

#include <gtest/gtest.h>

#include "kernels/host/error.h"
#include "tests/support/environment.h"

namespace hone::recipes {
namespace {

class RecipeTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::string model_ = folder_.path() / "model", rows_ = folder_.write("rows.jsonl", "{}\n");
  RecipeTest() { fs::create_directory(model_); }
  std::string minimal() const {
    return "model: {path: " + model_ + "}\ndata:\n  train: [{path: " + rows_ + ", type: alpaca}]\n";
  }
  Recipe read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    return read_recipe(folder_.write("support.yaml", text), overrides);
  }
};

TEST_F(RecipeTest, LeavesDefaultsWhereNothingIsWritten) {
  Recipe expected;
  expected.model.path = model_;
  expected.data.train = {{rows_, RowType::alpaca}};
  expected.output.dir = "runs/support";
  EXPECT_EQ(read(minimal()), expected);
}

TEST_F(RecipeTest, ReadsBackWhatItPrints) {
  const Recipe recipe =
      read(minimal(),
           {{"training.learning_rate=3e-5"}, {"adapter.target_modules=[q_proj, v_proj]"}, {"output.save_every=2h"}});
  EXPECT_EQ(recipe.training.learning_rate, 3e-5);
  EXPECT_EQ(recipe.output.save_every, (SaveEvery{0, 7200}));
  EXPECT_EQ(read(to_yaml(recipe)), recipe) << to_yaml(recipe);
}

}  // namespace
}  // namespace hone::recipes
