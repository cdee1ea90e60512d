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
#include "trainer/generation/sampling.h"
#include "trainer/run/source.h"

namespace hone::tools {

// What a callback sets where it ends well but not with 0 (ExitCode::stopped).
struct Exit {
  ExitCode code = ExitCode::done;
};

using AddVerb = void(CLI::App& app, Exit& exit);
AddVerb add_validate, add_plan, add_prepare, add_train, add_eval, add_generate, add_chat, add_merge, add_report,
    add_data, add_doctor, add_bench, add_export, add_recipe, add_tokenize, add_render, add_completion, add_man;
// In the order of a night, then the rest: so `hone` alone prints them.
inline constexpr std::array kVerbs{&add_validate, &add_plan,   &add_data,     &add_prepare, &add_train,      &add_eval,
                                   &add_generate, &add_chat,   &add_merge,    &add_report,  &add_doctor,     &add_bench,
                                   &add_export,   &add_recipe, &add_tokenize, &add_render,  &add_completion, &add_man};

// RECIPE [--set key=value]…
struct RecipeArguments {
  std::string file;
  std::vector<std::string> overrides;
  recipes::Recipe read(recipes::Needs needs = recipes::Needs::all) const {
    return recipes::read_recipe(file, overrides, needs);
  }
  // "support.yaml --set training.seed=3", as a shell takes it.
  std::string as_typed() const;
};
std::shared_ptr<RecipeArguments> add_recipe_arguments(CLI::App& verb);

// RUN_DIR | RECIPE | MODEL_DIR [--set key=value]… [--adapter DIR]: of the verbs that use a model. Those that need its
// data as well take no MODEL_DIR.
struct SourceArguments {
  std::string what, adapter;
  std::vector<std::string> overrides;
  recipes::Needs needs;
  trainer::ModelSource read() const { return trainer::read_source(what, overrides, adapter, needs); }
};
std::shared_ptr<SourceArguments> add_source_arguments(CLI::App& verb, recipes::Needs needs = recipes::Needs::model);

// --temperature, --top-k, … for the verbs that generate.
struct SamplingArguments {
  trainer::SamplingOptions sampling;
  std::vector<std::string> stops;
};
std::shared_ptr<SamplingArguments> add_sampling_arguments(CLI::App& verb, int64_t max_new_tokens);

}  // namespace hone::tools
