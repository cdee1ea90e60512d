#include "trainer/run/corpus.h"

#include <algorithm>
#include <thread>

#include "kernels/host/text.h"
#include "recipes/fields.h"
#include "trainer/run/chat_format.h"
#include "trainer/run/data_check.h"

namespace hone::trainer {

data::RowKind kind_of(recipes::RowType type) { return data::kind_named(recipes::word_of(type)).kind; }
data::TrainOn learned_of(recipes::TrainOn on) {
  return on == recipes::TrainOn::all    ? data::TrainOn::all
         : on == recipes::TrainOn::last ? data::TrainOn::last
                                        : data::TrainOn::answers;
}

std::shared_ptr<const data::ChatFormat> chat_of(const recipes::Recipe& recipe,
                                                const std::vector<recipes::DataFile>& files, const fs::path& model,
                                                const data::Tokenizer& tokenizer) {
  bool needed = false, wanted = false;
  for (const recipes::DataFile& file : files) {
    const data::Form form = data::kind(kind_of(file.type)).form;
    needed = needed || form == data::Form::chat || (form == data::Form::answered && file.turns);
    wanted = wanted || form == data::Form::answered || form == data::Form::pair;
  }
  if (!needed && !wanted) return nullptr;
  return chat_format_of(recipe.data, model, tokenizer, needed);
}

std::vector<data::DataFile> data_files(const recipes::DataFile& entry) {
  data::Names names;
  names.fields.insert(entry.fields.begin(), entry.fields.end());
  names.roles.insert(entry.roles.begin(), entry.roles.end());
  std::vector<data::DataFile> files;
  for (const std::string& path : recipes::files_of(entry))
    files.push_back({path, kind_of(entry.type), names, entry.weight, entry.append_end, entry.turns});
  return files;
}

namespace {
data::TooLong too_long_of(recipes::TooLong what) {
  return what == recipes::TooLong::drop       ? data::TooLong::drop
         : what == recipes::TooLong::split    ? data::TooLong::split
         : what == recipes::TooLong::truncate ? data::TooLong::truncate
                                              : data::TooLong::automatic;
}
}  // namespace

data::DatasetOptions dataset_options(const recipes::Recipe& recipe, const std::vector<recipes::DataFile>& files,
                                     int64_t vocabulary, const std::optional<data::Tokenizer>& tokenizer,
                                     bool keep_all) {
  data::DatasetOptions options{.train_on = learned_of(recipe.data.train_on),
                               .roles = recipe.data.train_roles,
                               .max_length = recipe.data.max_length,
                               .too_long = too_long_of(recipe.data.too_long),
                               .vocabulary = vocabulary,
                               .skip_bad = recipe.data.bad_rows == recipes::BadRows::skip,
                               .keep_all = keep_all};
  for (const recipes::DataFile& entry : files) {
    for (data::DataFile& file : data_files(entry)) {
      require(tokenizer || entry.type == recipes::RowType::tokens, ExitCode::input, recipe.model.path,
              ": no tokenizer.json, and ", file.path.string(),
              " is text; copy the model's tokenizer.json there, or give tokenised rows (type: tokens)");
      options.files.push_back(std::move(file));
    }
  }
  if (tokenizer) options.chat = chat_of(recipe, files, recipe.model.path, *tokenizer);
  return options;
}

int threads_of(const recipes::Recipe& recipe) {
  return recipe.model.threads > 0 ? int(recipe.model.threads) : std::max(1, int(std::thread::hardware_concurrency()));
}

data::BatchOptions batch_options(const recipes::Recipe& recipe) {
  const recipes::TrainingSection& t = recipe.training;
  return {.max_length = recipe.data.max_length,
          .packing = recipe.data.packing,
          .shuffle = recipe.data.shuffle,
          .seed = uint64_t(t.seed),
          .micro_batch_size = t.micro_batch_size,
          .accumulation = t.gradient_accumulation_steps,
          .batch_tokens = t.batch_tokens,
          .packing_method = recipe.data.packing_method == recipes::PackingMethod::sequential
                                ? data::PackingMethod::sequential
                                : data::PackingMethod::best_fit};
}

std::string progress_text(const data::PrepareProgress& at, double seconds) {
  const double share = at.all_bytes > 0 ? double(at.bytes) / double(at.all_bytes) : 1;
  std::string text = joined(int(share * 100), " %  ", with_commas(at.tokens), " tokens  ",
                            with_commas(int64_t(double(at.tokens) / std::max(seconds, 1e-9))), " tok/s");
  if (share > 0 && share < 1) text += "  " + duration_text(seconds * (1 - share) / share) + " left";
  return text;
}

fs::path shards_folder(const recipes::Recipe& recipe) {
  if (!recipe.data.shards.empty()) return recipe.data.shards;
  const fs::path run = (fs::path(recipe.output.dir) / "").parent_path();  // without a slash at its end
  return run.parent_path() / "shards";
}

namespace {
data::PrepareOptions prepare_options(const recipes::Recipe& recipe, const Base& base,
                                     const std::optional<data::Tokenizer>& tokenizer,
                                     const CorpusOptions& options = {}) {
  data::PrepareOptions how{
      .folder = shards_folder(recipe),
      .name = {},
      .train = dataset_options(recipe, recipe.data.train, base.config.vocabulary, tokenizer, false),
      .evaluation_split = recipe.data.evaluation_split,
      .rebuild = options.rebuild,
      .progress = options.progress};
  require(!how.train.files.empty(), ExitCode::usage, "data.train: no file matches");
  how.name = how.train.files[0].path.stem().string();
  if (!recipe.data.evaluation.empty())
    how.evaluation = dataset_options(recipe, recipe.data.evaluation, base.config.vocabulary, tokenizer, true);
  return how;
}
}  // namespace

bool corpus_is_prepared(const recipes::Recipe& recipe, const Base& base,
                        const std::optional<data::Tokenizer>& tokenizer) {
  ThreadPool pool(threads_of(recipe));
  return data::is_prepared(prepare_options(recipe, base, tokenizer), tokenizer ? &*tokenizer : nullptr, pool);
}

Corpus read_corpus(const recipes::Recipe& recipe, const Base& base, const std::optional<data::Tokenizer>& tokenizer,
                   const CorpusOptions& options) {
  for (const recipes::DataFile& file : recipe.data.train)
    require(options.allow_pairs || file.type != recipes::RowType::preference, ExitCode::usage,
            "data.train: preference pairs are read and checked (hone prepare counts them), but this version does not "
            "train on them yet; leave ",
            file.path.list.at(0), " out");
  const data::PrepareOptions how = prepare_options(recipe, base, tokenizer, options);
  ThreadPool pool(threads_of(recipe));
  const data::Prepared prepared = data::prepare(how, tokenizer ? &*tokenizer : nullptr, pool);
  Corpus corpus{.train = prepared.train(),
                .batches = {},
                .evaluation = prepared.evaluation(),
                .receipt = prepared.receipt(),
                .hash = prepared.hash(),
                .folder = prepared.folder(),
                .reused = prepared.reused()};
  if (corpus.receipt.reading.pairs > 0 && corpus.receipt.used == 0) return corpus;
  corpus.receipt.require_learned();
  data::require_within(check_limits(recipe), corpus.receipt);
  corpus.batches = std::make_shared<const data::Batches>(*corpus.train, batch_options(recipe));
  corpus.receipt.packed = corpus.batches->packed();
  return corpus;
}

std::vector<data::Row> evaluation_rows(const recipes::Recipe& recipe, const Base& base,
                                       const std::optional<data::Tokenizer>& tokenizer) {
  const bool own = !recipe.data.evaluation.empty();
  const double split = own ? 0 : recipe.data.evaluation_split;
  ThreadPool pool(threads_of(recipe));
  std::vector<data::Row> rows;
  const auto take = [&](data::Row&& row, const data::Reading&, const data::ReadPosition&) {
    if (split == 0 || data::is_held_out(row, split)) rows.push_back(std::move(row));
  };
  data::read_rows(dataset_options(recipe, own ? recipe.data.evaluation : recipe.data.train, base.config.vocabulary,
                                  tokenizer, true),
                  tokenizer ? &*tokenizer : nullptr, pool, {.take = take});
  return rows;
}

}  // namespace hone::trainer
