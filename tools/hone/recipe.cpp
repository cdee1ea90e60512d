// hone recipe list
// hone recipe copy NAME [DEST]
// hone recipe --describe [NAME] [--json]
#include <iostream>

#include "recipes/shipped.h"
#include "tools/hone/verbs.h"

namespace hone::tools {

namespace {
void list_recipes() {
  size_t width = 0;
  for (const recipes::ShippedRecipe& recipe : recipes::shipped_recipes()) width = std::max(width, recipe.name.size());
  for (const recipes::ShippedRecipe& recipe : recipes::shipped_recipes())
    std::cout << recipe.name << std::string(width - recipe.name.size() + 3, ' ') << recipe.purpose() << "\n";
  std::cout << "\nTo have one:  hone recipe copy " << recipes::shipped_recipes().front().name << " support.yaml\n";
}

void copy_recipe(const std::string& name, const std::string& destination) {
  const recipes::ShippedRecipe& recipe = recipes::shipped_recipe(name);
  fs::path place = destination.empty() ? fs::path(name + ".yaml") : fs::path(destination);
  if (fs::is_directory(place)) place /= name + ".yaml";
  require(!fs::exists(place), ExitCode::usage, place.string(), ": is there already; choose another name");
  write_text(place, recipe.text);
  std::cout << "recipe   " << place.string() << "\nnext     change its two paths, then: hone validate "
            << place.string() << "\n";
}
}  // namespace

void add_recipe(CLI::App& app, Exit&) {
  struct Arguments {
    bool describe = false, json = false;
    std::string key, name, destination;
  };
  CLI::App* verb =
      app.add_subcommand("recipe", "list, copy and explain recipes: hone recipe list, hone recipe --describe adapter");
  const auto arguments = std::make_shared<Arguments>();
  CLI::Option* describe =
      verb->add_flag("--describe", arguments->describe, "print meaning, default and limits of keys");
  verb->add_option("KEY", arguments->key, "a section or a key: adapter, lora_alpha, training.seed")->needs(describe);
  verb->add_flag("--json", arguments->json, "the same for programs")->needs(describe);
  verb->require_subcommand(0, 1);
  CLI::App* list = verb->add_subcommand("list", "recipes to start from");
  list->callback(list_recipes);
  CLI::App* copy = verb->add_subcommand("copy", "write one of them to a file of your own");
  std::vector<std::string> names;
  for (const recipes::ShippedRecipe& recipe : recipes::shipped_recipes()) names.emplace_back(recipe.name);
  copy->add_option("NAME", arguments->name, "as hone recipe list has it")->required()->type_name("{" + [&] {
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ",") + name;
    return all;
  }() + "}");
  copy->add_option("DEST", arguments->destination, "file or folder (NAME.yaml)");
  copy->callback([arguments] { copy_recipe(arguments->name, arguments->destination); });
  verb->callback([arguments, verb] {
    if (!verb->get_subcommands().empty()) return;
    if (!arguments->describe) return list_recipes();
    if (arguments->json) {
      std::cout << recipes::describe_json(arguments->key).dump(2) << "\n";
    } else {
      std::cout << recipes::describe(arguments->key);
    }
  });
}

}  // namespace hone::tools
