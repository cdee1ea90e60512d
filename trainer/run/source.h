// What a person names when a model is used: the folder of a run, a recipe, or a model directory.
//   const ModelSource source = read_source("runs/support", {}, {});
//   const Base base(source.recipe.model.path);
//   const Decoder model = load_for_use(stream, source.recipe, base, source.adapter);
#pragma once
#include <optional>
#include <span>
#include <string>

#include "data/tokenizer/tokenizer.h"
#include "recipes/recipe.h"
#include "trainer/generation/conversation.h"

namespace hone::trainer {

struct ModelSource {
  enum class Kind { run, recipe, model };
  Kind kind = Kind::recipe;
  recipes::Recipe recipe;           // of a model directory: its path, not quantised, and defaults
  std::optional<fs::path> adapter;  // as given; of a run without one given its own
};

// A run: a folder with recipe.yaml, and with adapter/, or with model/ where every parameter was trained (then that is
// the model). A model directory: a folder with config.json. `adapter` empty: none is given. Errors (ExitCode::usage): a
// folder of neither kind, a run that has not ended, overrides of what has no recipe; and those of read_recipe.
// `needs` as read_recipe takes it; a model directory has no data, so one that needs all is refused.
ModelSource read_source(const fs::path& what, std::span<const std::string> overrides, const std::string& adapter,
                        recipes::Needs needs = recipes::Needs::model);

// How the model was trained to be asked: as the recipe's conversations are laid out; without any, as its first rows
// are. Of a model directory: by its chat template, or the special tokens its tokenizer has; without any a request is a
// text to go on from. `layout` (template, chatml, llama3, plain or text) decides where it is not empty.
Conversation::Style style_of(const ModelSource&, const data::Tokenizer&, const std::string& layout);

}  // namespace hone::trainer
