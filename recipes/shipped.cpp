#include "recipes/shipped.h"

#include <string>
#include <vector>

#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::recipes {

const ShippedRecipe& shipped_recipe(std::string_view name) {
  std::vector<std::string> names;
  for (const ShippedRecipe& recipe : shipped_recipes()) {
    if (recipe.name == name) return recipe;
    names.emplace_back(recipe.name);
  }
  const auto near = nearest(name, names);
  fail(ExitCode::usage, "no recipe is called ", name, near ? "; did you mean " + *near + "?" : "",
       "  (hone recipe list shows them)");
}

}  // namespace hone::recipes
