// The verbs of the command line. A verb is one file, <verb>.cpp, with one function, and stands here in two lists.
//   void add_validate(CLI::App& app, Exit& exit) {
//     CLI::App* verb = app.add_subcommand("validate", "check a recipe, start nothing");
//     const auto arguments = add_recipe_arguments(*verb);
//     verb->callback([arguments] { arguments->read(); });   // throws Error: main prints it and exits with its code
//   }
#pragma once
#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "kernels/host/error.h"
#include "recipes/recipe.h"

namespace hone::tools {

// What a callback sets where it ends well but not with 0 (ExitCode::stopped).
struct Exit {
  ExitCode code = ExitCode::done;
};

using AddVerb = void(CLI::App& app, Exit& exit);
AddVerb add_validate, add_train, add_eval, add_generate, add_merge, add_recipe, add_tokenize;
// In the order of a night, then the rest: so `hone` alone prints them.
inline constexpr std::array kVerbs{&add_validate, &add_train,  &add_eval,    &add_generate,
                                   &add_merge,    &add_recipe, &add_tokenize};

// RECIPE [--set key=value]…
struct RecipeArguments {
  std::string file;
  std::vector<std::string> overrides;
  recipes::Recipe read(recipes::Needs needs = recipes::Needs::all) const {
    return recipes::read_recipe(file, overrides, needs);
  }
};
std::shared_ptr<RecipeArguments> add_recipe_arguments(CLI::App& verb);

}  // namespace hone::tools
