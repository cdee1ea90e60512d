// Inside recipes: from a tree to a typed Recipe, with every problem on the way.
//   Reading reading;
//   reading.take(tree);                       // reading.recipe, reading.problems
//   check(reading);                           // relations between keys, files that are missing
#pragma once
#include <map>
#include <string>
#include <vector>

#include "recipes/recipe.h"
#include "recipes/tree.h"

namespace hone::recipes {

struct Reading {
  Recipe recipe;
  std::vector<Problem> problems;
  std::map<std::string, Place> given;  // keys that the file or an override names, "data.train[0].path" among them

  void take(const Node& top);
  bool has(const std::string& path) const { return given.count(path) != 0; }
  bool told(const std::string& path) const;                 // a problem of this key, or of what it holds, is known
  void problem(const std::string& path, std::string text);  // at the key's place, or its section's, or the first line
};

// Sets the value at `path` in the tree, making what is missing on the way. Throws YamlFault.
void apply_override(Node& top, std::string_view path, Node value);
// Adds the problems of a recipe as a whole.
void check(Reading& reading, Needs needs);

}  // namespace hone::recipes
