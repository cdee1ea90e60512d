// The recipes that come along, within the program itself: recipes/*.yaml, put there by tools/cmake/HoneRecipes.cmake.
//   for (const ShippedRecipe& recipe : shipped_recipes()) …   // by name
#pragma once
#include <span>
#include <string_view>

namespace hone::recipes {

struct ShippedRecipe {
  std::string_view name;  // of the file, without .yaml
  std::string_view text;
  // Its first line, what it is for, without the mark of a comment.
  std::string_view purpose() const {
    const std::string_view line = text.substr(0, text.find('\n'));
    return line.substr(line.find_first_not_of("# "));
  }
};
std::span<const ShippedRecipe> shipped_recipes();
// Error (ExitCode::usage) with the nearest name where there is none.
const ShippedRecipe& shipped_recipe(std::string_view name);

}  // namespace hone::recipes
