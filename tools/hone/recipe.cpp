// hone recipe --describe [NAME] [--json]
#include <iostream>

#include "tools/hone/verbs.h"

namespace hone::tools {

void add_recipe(CLI::App& app, Exit&) {
  struct Arguments {
    bool describe = false, json = false;
    std::string name;
  };
  CLI::App* verb = app.add_subcommand("recipe", "explain the keys of a recipe: hone recipe --describe adapter");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_flag("--describe", arguments->describe, "print meaning, default and limits of keys")->required();
  verb->add_option("NAME", arguments->name, "a section or a key: adapter, lora_alpha, training.seed");
  verb->add_flag("--json", arguments->json, "the same for programs");
  verb->callback([arguments] {
    if (arguments->json) {
      std::cout << recipes::describe_json(arguments->name).dump(2) << "\n";
    } else {
      std::cout << recipes::describe(arguments->name);
    }
  });
}

}  // namespace hone::tools
