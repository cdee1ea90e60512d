#include "trainer/run/data_check.h"

#include "trainer/run/corpus.h"

namespace hone::trainer {

data::CheckReport check_recipe(const recipes::Recipe& recipe, const std::optional<data::Tokenizer>& tokenizer,
                               const DataCheckOptions& options) {
  const fs::path model = recipe.model.path;
  int64_t vocabulary = 0;
  if (fs::exists(model / "config.json")) {
    const Json config = read_json(model / "config.json");
    vocabulary = read_config(JsonView(config, (model / "config.json").string())).vocabulary;
  }
  const data::BatchOptions batches = batch_options(recipe);
  data::CheckOptions how{.train = dataset_options(recipe, recipe.data.train, vocabulary, tokenizer, false),
                         .evaluation_split = recipe.data.evaluation_split,
                         .packs = recipe.data.packing,
                         .packing = {.max_length = batches.max_length,
                                     .method = batches.packing_method,
                                     .shuffle = batches.shuffle,
                                     .seed = batches.seed},
                         .show = options.show,
                         .progress = options.progress};
  if (!recipe.data.evaluation.empty())
    how.evaluation = dataset_options(recipe, recipe.data.evaluation, vocabulary, tokenizer, true);
  ThreadPool pool(threads_of(recipe));
  return data::check_data(how, tokenizer ? &*tokenizer : nullptr, pool);
}

data::CheckLimits check_limits(const recipes::Recipe& recipe) {
  const recipes::CheckSection& c = recipe.data.check;
  return {.max_bad = c.max_bad,
          .max_unlearned = c.max_unlearned,
          .max_too_long = c.max_too_long,
          .max_empty_answers = c.max_empty_answers,
          .max_missing_ends = c.max_missing_ends,
          .max_double_bos = c.max_double_bos,
          .max_duplicates = c.max_duplicates,
          .max_near_duplicates = c.max_near_duplicates,
          .max_shared = c.max_shared,
          .max_near_shared = c.max_near_shared,
          .max_broken_text = c.max_broken_text,
          .max_secrets = c.max_secrets,
          .max_personal = c.max_personal};
}

}  // namespace hone::trainer
