// hone validate RECIPE [--set key=value]…
#include <iostream>

#include "tools/hone/verbs.h"

namespace hone::tools {

std::shared_ptr<RecipeArguments> add_recipe_arguments(CLI::App& verb) {
  auto arguments = std::make_shared<RecipeArguments>();
  verb.add_option("RECIPE", arguments->file, "recipe, a YAML file")->required();
  verb.add_option("--set", arguments->overrides, "override a key: --set training.seed=3 (again for the next)")
      ->type_name("KEY=VALUE")
      ->type_size(1)
      ->allow_extra_args(false);  // else it would take the recipe as one more value
  return arguments;
}

std::string RecipeArguments::as_typed() const {
  const auto word = [](const std::string& text) {
    const bool plain = text.find_first_of(" \t\n'\"\\$`*?[]{}()<>|&;#~!") == std::string::npos;
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
    return plain ? text : quoted + "'";
  };
  std::string words = word(file);
  for (const std::string& each : overrides) words += " --set " + word(each);
  return words;
}

void add_validate(CLI::App& app, Exit&) {
  CLI::App* verb = app.add_subcommand("validate", "check a recipe and that its files are there; start nothing");
  const auto arguments = add_recipe_arguments(*verb);
  verb->callback([arguments] {
    arguments->read();
    std::cout << arguments->file << ": no problems, nothing was started\n";
  });
}

}  // namespace hone::tools
