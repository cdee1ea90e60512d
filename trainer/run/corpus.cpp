#include "trainer/run/corpus.h"

#include <algorithm>
#include <thread>

#include "kernels/host/hash.h"

namespace hone::trainer {

data::RowKind kind_of(recipes::RowType type) {
  switch (type) {
    case recipes::RowType::messages:
      return data::RowKind::messages;
    case recipes::RowType::alpaca:
      return data::RowKind::alpaca;
    case recipes::RowType::completion:
      return data::RowKind::completion;
    case recipes::RowType::text:
      return data::RowKind::text;
    case recipes::RowType::tokens:
      return data::RowKind::tokens;
  }
  return data::RowKind::tokens;
}
data::LayoutKind layout_of(recipes::ChatLayout layout) {
  return layout == recipes::ChatLayout::llama3  ? data::LayoutKind::llama3
         : layout == recipes::ChatLayout::plain ? data::LayoutKind::plain
                                                : data::LayoutKind::chatml;
}

namespace {
data::TrainOn learned_of(recipes::TrainOn on) {
  return on == recipes::TrainOn::all    ? data::TrainOn::all
         : on == recipes::TrainOn::last ? data::TrainOn::last
                                        : data::TrainOn::answers;
}

data::Dataset read_files(const recipes::Recipe& recipe, const std::vector<recipes::DataFile>& files, const Base& base,
                         const std::optional<data::Tokenizer>& tokenizer, bool keep_all) {
  data::DatasetOptions options{.train_on = learned_of(recipe.data.train_on),
                               .layout = layout_of(recipe.data.chat_layout),
                               .max_length = recipe.data.max_length,
                               .vocabulary = base.config.vocabulary,
                               .skip_bad = recipe.data.bad_rows == recipes::BadRows::skip,
                               .keep_all = keep_all};
  for (const recipes::DataFile& file : files) {
    options.files.push_back({file.path, kind_of(file.type)});
    require(tokenizer || file.type == recipes::RowType::tokens, ExitCode::input, base.directory.path().string(),
            ": no tokenizer.json, and ", file.path,
            " is text; copy the model's tokenizer.json there, or give tokenised rows (type: tokens)");
  }
  // Evaluation reads every row whatever its length; only running text must be cut somewhere.
  const bool any_text =
      std::ranges::any_of(files, [](const recipes::DataFile& file) { return file.type == recipes::RowType::text; });
  if (keep_all && !any_text) options.max_length = 0;
  const int all = std::max(1, int(std::thread::hardware_concurrency()));
  ThreadPool pool(recipe.model.threads > 0 ? int(recipe.model.threads) : all);
  return data::Dataset::read(options, tokenizer ? &*tokenizer : nullptr, pool);
}

void add_rows(Xxh3& hash, const std::vector<data::Row>& rows) {
  for (const data::Row& row : rows) {
    const uint64_t length = row.tokens.size();
    hash.add(std::as_bytes(std::span(&length, 1)));
    hash.add(std::as_bytes(std::span(row.tokens)));
    hash.add(std::as_bytes(std::span(row.labels)));
  }
}
}  // namespace

data::BatchOptions batch_options(const recipes::Recipe& recipe) {
  const recipes::TrainingSection& t = recipe.training;
  return {.max_length = recipe.data.max_length,
          .packing = recipe.data.packing,
          .shuffle = recipe.data.shuffle,
          .seed = uint64_t(t.seed),
          .micro_batch_size = t.micro_batch_size,
          .accumulation = t.gradient_accumulation_steps,
          .batch_tokens = t.batch_tokens};
}

Corpus read_corpus(const recipes::Recipe& recipe, const Base& base, const std::optional<data::Tokenizer>& tokenizer) {
  data::Dataset train = read_files(recipe, recipe.data.train, base, tokenizer, false), held_out;
  const bool split = recipe.data.evaluation.empty() && recipe.data.evaluation_split > 0;
  if (split) std::tie(train, held_out) = train.split_by_hash(recipe.data.evaluation_split);
  if (!recipe.data.evaluation.empty()) held_out = read_files(recipe, recipe.data.evaluation, base, tokenizer, true);
  const bool any = split || !recipe.data.evaluation.empty();
  const data::Receipt unpacked(train, any ? &held_out : nullptr, {}, split);
  unpacked.require_learned();
  std::optional<data::Packed> packed;
  if (recipe.data.packing) packed = data::Batches(train.rows(), batch_options(recipe)).packed();
  Xxh3 hash;
  add_rows(hash, train.rows());
  hash.add("|");
  add_rows(hash, held_out.rows());
  return {.train = train.rows(),
          .evaluation = held_out.rows(),
          .receipt = data::Receipt(train, any ? &held_out : nullptr, packed, split),
          .hash = hash.hex()};
}

std::vector<data::Row> evaluation_rows(const recipes::Recipe& recipe, const Base& base,
                                       const std::optional<data::Tokenizer>& tokenizer) {
  if (!recipe.data.evaluation.empty()) return read_files(recipe, recipe.data.evaluation, base, tokenizer, true).rows();
  data::Dataset all = read_files(recipe, recipe.data.train, base, tokenizer, true);
  return recipe.data.evaluation_split > 0 ? all.split_by_hash(recipe.data.evaluation_split).second.rows() : all.rows();
}

}  // namespace hone::trainer
