// What `hone data check` looks at: the data of a recipe, as a run would read it.
//   const data::CheckReport report = check_recipe(recipe, tokenizer, {.show = 3});
//   data::exceeded(check_limits(recipe), report);          // what data.check does not allow
#pragma once
#include <functional>
#include <optional>

#include "data/check/check.h"
#include "data/check/limits.h"
#include "recipes/recipe.h"

namespace hone::trainer {

struct DataCheckOptions {
  int64_t show = 0;  // rows to keep for showing
  std::function<void(double)> progress{};
};
// Needs no weights: of the model's directory its tokenizer, and config.json where it has one.
data::CheckReport check_recipe(const recipes::Recipe&, const std::optional<data::Tokenizer>&, const DataCheckOptions&);

data::CheckLimits check_limits(const recipes::Recipe&);

}  // namespace hone::trainer
