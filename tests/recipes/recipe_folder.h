// A folder with what a small valid recipe names, and that recipe.
//   const RecipeFolder in;
//   EXPECT_EQ(in.problems("training: {sed: 1}\n"), "…");
#pragma once
#include <string>
#include <vector>

#include "kernels/host/error.h"
#include "kernels/host/text.h"
#include "recipes/recipe.h"
#include "tests/support/environment.h"

namespace hone::recipes {

struct RecipeFolder {
  test::TemporaryFolder folder;
  std::string model = make("model"), other_model = make("model2");
  std::string rows = folder.write("rows.jsonl", "{}\n"), other = folder.write("other.jsonl", "{}\n");

  std::string make(const char* name) const {
    fs::create_directory(folder / name);
    return folder / name;
  }
  std::string minimal() const {  // three lines
    return "model: {path: " + model + "}\ndata:\n  train: [{path: " + rows + ", type: alpaca}]\n";
  }
  Recipe read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    return read_recipe(folder.write("support.yaml", text), overrides);
  }
  // What read_recipe says of `text`, without the folder's name and the last line; "" where it says nothing.
  std::string problems(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    try {
      read(text, overrides);
      return "";
    } catch (const Error& error) {
      if (error.code() != ExitCode::usage) return joined("exit code ", int(error.code()));
      std::string said = error.what();
      const std::string place = folder.path().string() + "/";
      for (auto at = said.find(place); at != said.npos; at = said.find(place)) said.erase(at, place.size());
      return said;
    }
  }
  // The only problem of the minimal recipe with `text` behind it, from its fourth line on.
  std::string problem(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    const std::string said = problems(minimal() + text, overrides);
    const std::string end = "\n1 problem, nothing was started.  (hone recipe --describe lists every key)";
    return said.ends_with(end) ? said.substr(0, said.size() - end.size()) : "not one problem: " + said;
  }
};

}  // namespace hone::recipes
