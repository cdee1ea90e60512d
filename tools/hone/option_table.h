// The command line as a table, read off the parser itself: what completion scripts and the manual page are made of.
//   for (const VerbTable& verb : option_table(app)) …     // "train", then "recipe", "recipe list", …
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace hone::tools {

struct OptionEntry {
  std::vector<std::string> names;    // "--set", "-h"; none: a positional argument
  std::string placeholder, meaning;  // "KEY=VALUE"; empty for a flag
  std::vector<std::string> choices;
  bool required = false, recipe_key = false;  // recipe_key: its value begins with a key of the recipe
};

struct VerbTable {
  std::vector<std::string> words;  // {"recipe", "copy"}
  std::string meaning;
  std::vector<OptionEntry> options;     // positional ones last
  std::vector<std::string> next_words;  // verbs below it
};

// Every verb, those below a verb right after it.
std::vector<VerbTable> option_table(const CLI::App& app);

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);
std::string manual_page(const CLI::App& app);  // roff, for `man -l`

}  // namespace hone::tools
