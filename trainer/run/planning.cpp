#include "trainer/run/planning.h"

#include <algorithm>
#include <cmath>

#include "data/rows/bytes.h"
#include "data/rows/records.h"
#include "kernels/core/cuda/device.h"
#include "kernels/host/text.h"
#include "trainer/evaluation/evaluate.h"
#include "trainer/model/shapes.h"
#include "trainer/run/cached_base.h"
#include "trainer/run/run_folder.h"

namespace hone::trainer {

namespace {
constexpr int64_t kSampled = 8;  // micro-batches that stand for all

constexpr uint64_t kReadWhole = uint64_t(24) << 20;  // bytes of data that a plan tokenises
constexpr size_t kReadOfFile = size_t(2) << 20;      // else so many of each file
constexpr uint64_t kHashed = uint64_t(8) << 30;      // bytes of data that a plan hashes, to find them prepared
constexpr double kShardToken = 4.2, kShardRow = 48;  // bytes of each in a shard

uint64_t bytes_of(const std::vector<recipes::DataFile>& files) {
  uint64_t bytes = 0;
  for (const recipes::DataFile& entry : files)
    for (const std::string& path : recipes::files_of(entry)) bytes += fs::file_size(path);
  return bytes;
}

// The first rows of each file. `times`: how much more there is.
struct Beginning {
  std::vector<data::Row> rows;
  double times = 1;
};
Beginning read_beginning(const recipes::Recipe& recipe, const std::optional<data::Tokenizer>& tokenizer) {
  struct Enough {};
  Beginning all;
  uint64_t taken = 0;
  const auto keep = [&](data::Encoded&& row, bool cut) {
    const size_t most = size_t(recipe.data.max_length);
    if (row.tokens.size() > most && !cut) return;
    for (size_t at = 0; at < row.tokens.size(); at += most) {
      const size_t end = std::min(at + most, row.tokens.size());
      all.rows.push_back({.tokens = {row.tokens.begin() + int64_t(at), row.tokens.begin() + int64_t(end)},
                          .labels = {row.labels.begin() + int64_t(at), row.labels.begin() + int64_t(end)}});
    }
  };
  const auto chat = tokenizer ? chat_of(recipe, recipe.data.train, recipe.model.path, *tokenizer) : nullptr;
  const auto read_file = [&](const data::DataFile& file) {
    const data::RowEncoder encoder({.kind = file.kind,
                                    .train_on = learned_of(recipe.data.train_on),
                                    .append_end = file.append_end,
                                    .chat = chat,
                                    .roles = recipe.data.train_roles,
                                    .turns = file.turns},
                                   tokenizer ? &*tokenizer : nullptr);
    const data::RowReader reader(file.kind, file.names);
    const bool cut = file.kind == data::RowKind::text || recipe.data.too_long == recipes::TooLong::split;
    const InputFile input(file.path);
    if (data::is_whole_text(file)) {
      data::Bytes bytes(input);
      std::string beginning;
      for (std::string_view part; beginning.size() < kReadOfFile && !(part = bytes.next()).empty();) beginning += part;
      beginning.resize(std::min(beginning.size(), kReadOfFile));
      while (!beginning.empty() && !valid_utf8(beginning)) beginning.pop_back();  // a letter may be cut
      taken += bytes.compressed() ? bytes.read() : beginning.size();
      keep(encoder.encode(data::PlainText{std::move(beginning)}), true);
      return;
    }
    const bool compressed = data::Bytes(input).compressed();
    uint64_t read = 0, end = 0;
    try {
      data::read_records(input, [&](const data::Record& record) {
        if (read > kReadOfFile) throw Enough();
        require(record.problem.empty(), ExitCode::input, file.path.string(), ":", record.line, ": ", record.problem);
        for (const data::Content& said : reader.parse(record.text))
          if (!std::holds_alternative<data::Preference>(said)) keep(encoder.encode(said), cut);
        read += record.text.size() + 1, end = record.end;
      });
    } catch (const Enough&) {
    }
    taken += compressed ? end : std::min(read, input.size());
  };
  for (const recipes::DataFile& entry : recipe.data.train)
    for (const data::DataFile& file : data_files(entry)) read_file(file);
  require(!all.rows.empty(), ExitCode::input, "no row at the beginning of the data fits data.max_length");
  all.times = double(bytes_of(recipe.data.train)) / double(std::max<uint64_t>(taken, 1));
  return all;
}

uint64_t bytes_below(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error))
    if (entry.is_regular_file(error)) bytes += entry.file_size(error);
  return bytes;
}

// The file that tells how fast the disk is: a shard, or what shards will be made of.
fs::path file_to_read(const recipes::Recipe& recipe, const Corpus* corpus) {
  fs::path largest;
  std::error_code error;
  if (corpus)
    for (const auto& entry : fs::directory_iterator(corpus->folder, error))
      if (entry.path().extension() == ".h5" && (largest.empty() || entry.file_size() > fs::file_size(largest)))
        largest = entry.path();
  return largest.empty() && !recipe.data.train.empty() ? fs::path(recipes::files_of(recipe.data.train.front()).at(0))
                                                       : largest;
}

bool trains_everything(const recipes::Recipe& recipe) { return recipe.adapter.type == recipes::AdapterType::none; }
}  // namespace

Workload workload_of(const recipes::Recipe& recipe, const Corpus& corpus,
                     const std::optional<data::Tokenizer>& tokenizer, int64_t total_steps) {
  const data::Batches& batches = *corpus.batches;
  Workload load{.looked_at = true,
                .rows = corpus.train->count(),
                .too_long = corpus.receipt.reading.too_long.count,
                .padding = corpus.receipt.packed ? corpus.receipt.packed->padding : 0,
                .tokens = double(corpus.receipt.tokens),
                .learned = double(corpus.receipt.learned),
                .largest_tokens = recipe.data.packing ? recipe.data.max_length : batches.longest(),
                .micro_batch_size = batches.micro_batch_size(),
                .steps = total_steps,
                .sample = {},
                .lengths = {}};
  for (int64_t row = 0; row < load.rows; ++row) load.lengths.push_back(int32_t(corpus.train->length(row)));
  load.largest_tokens *= load.micro_batch_size;
  // A micro-batch of each of a few steps, spread over the first epoch.
  const int64_t steps = batches.steps_per_epoch(), taken = std::min(steps, kSampled);
  double micro_batches = 0;
  for (int64_t i = 0; i < taken; ++i) {
    std::vector<data::Batch> step = batches.step(steps * i / taken);
    micro_batches += double(step.size());
    load.sample.push_back(std::move(step[size_t(i) % step.size()]));
  }
  load.micro_batches = micro_batches / double(taken);
  load.step_tokens = load.tokens / double(steps);
  for (const data::Row& row : corpus.evaluation)
    load.evaluation_tokens =
        std::max({load.evaluation_tokens, std::min(kEvaluationTokens, load.largest_tokens), std::ssize(row.tokens)});
  for (const std::string& prompt : recipe.training.sample_prompts)
    if (tokenizer) load.sample_tokens = std::max(load.sample_tokens, std::ssize(prompt_tokens(*tokenizer, prompt)));
  return load;
}

Workload workload_of(const recipes::Recipe& recipe) {
  const recipes::TrainingSection& t = recipe.training;
  Workload load{.micro_batch_size = t.batch_tokens > 0 && recipe.data.packing ? 1 : t.micro_batch_size,
                .steps = t.max_steps,
                .micro_batches = double(t.gradient_accumulation_steps),
                .sample = {},
                .lengths = {}};
  load.largest_tokens = recipe.data.max_length * load.micro_batch_size;
  if (t.batch_tokens > 0)
    load.micro_batches = std::max(1.0, std::round(double(t.batch_tokens) / double(load.largest_tokens)));
  load.step_tokens = load.micro_batches * double(load.largest_tokens);
  if (!recipe.data.evaluation.empty() || recipe.data.evaluation_split > 0)
    load.evaluation_tokens = std::min(kEvaluationTokens, load.largest_tokens);
  return load;
}

RunShape run_shape(const recipes::Recipe& recipe, const Config& config, const Workload& load, const Gpu* gpu) {
  const bool all = trains_everything(recipe);
  RunShape run{.config = config,
               .load = load_options(recipe, all),
               .lora = {},
               .adapter = {},
               .batch = blank_batch(load.largest_tokens, load.micro_batch_size),
               .evaluation_tokens = load.evaluation_tokens,
               .sample_tokens = load.sample_tokens,
               .device = device_type(recipe.model),
               .optimizer = optimizer_of(recipe.training),
               .attention_by_library = attention_by_library(recipe, gpu)};
  if (!all && !recipe.adapter.path.empty()) run.adapter = checkpoints::read_adapter(recipe.adapter.path);
  if (!all)
    run.lora = run.adapter ? options_of(*run.adapter) : lora_options(recipe.adapter, uint64_t(recipe.training.seed));
  return run;
}

Storage storage_of(const recipes::Recipe& recipe, const Base* base, const LoadOptions& options, const Corpus* corpus,
                   const Workload& load) {
  Storage storage;
  storage.run = recipe.output.dir.empty() ? "." : recipe.output.dir, storage.keep = recipe.output.keep;
  storage.shards = corpus ? corpus->folder : shards_folder(recipe), storage.shards_there = corpus != nullptr;
  storage.shard_bytes =
      corpus ? bytes_below(corpus->folder) : uint64_t(kShardToken * load.tokens + kShardRow * double(load.rows));
  if (load.tokens > 0) storage.shard_token_bytes = double(storage.shard_bytes) / load.tokens;
  if (const fs::path file = file_to_read(recipe, corpus); !file.empty()) storage.read_bytes = read_rate_of(file);
  if (base) {
    storage.base_cache = base_cache_folder(recipe, *base, options);
    storage.base_cache_there = !storage.base_cache.empty() && fs::exists(storage.base_cache);
  } else if (options.quantize) {
    storage.base_cache = base_caches(recipe);
  }
  storage.checkpoints_there = bytes_below(storage.run / "checkpoints");
  return storage;
}

Forecast plan_recipe(recipes::Recipe recipe, std::optional<uint64_t> memory, const Gpu* gpu) {
  if (gpu) recipe.model.device = recipes::DeviceChoice::cuda, recipe.model.compute = recipes::Compute::bfloat16;
  const DeviceType device = device_type(recipe.model);
  const Budget budget = memory ? Budget{.bytes = *memory, .asked = true}
                        : gpu  ? budget_of(*gpu)
                               : budget_of_machine(device);
  std::optional<Stream> stream;  // none: the run is planned for a GPU that is elsewhere
  if (!gpu && (device == DeviceType::cpu || !cuda_devices().empty())) stream.emplace(make_stream(recipe.model));
  if (stream) stream->set_attention_by_library(attention_by_library(recipe));
  Stream* const measured = stream ? &*stream : nullptr;
  if (!recipe.model.shape.empty()) {
    const Workload load = workload_of(recipe);
    const RunShape run = run_shape(recipe, shape_config(recipe.model.shape), load, gpu);
    return forecast(recipe, run, ShapeWeights(), load, storage_of(recipe, nullptr, run.load, nullptr, load), budget,
                    measured, gpu);
  }
  const Base base(recipe.model.path);
  const std::optional<data::Tokenizer> tokenizer = find_tokenizer(recipe.model.path);
  const uint64_t bytes = bytes_of(recipe.data.train) + bytes_of(recipe.data.evaluation);
  const bool whole = bytes <= kReadWhole || (bytes <= kHashed && corpus_is_prepared(recipe, base, tokenizer));
  Corpus corpus;
  Beginning beginning;
  if (whole) {
    corpus = read_corpus(recipe, base, tokenizer);  // prepared once: training takes the same shards
  } else {
    beginning = read_beginning(recipe, tokenizer);
    corpus.train = std::make_shared<const data::RowsInMemory>(beginning.rows);
    corpus.batches = std::make_shared<const data::Batches>(*corpus.train, batch_options(recipe));
    data::RowCounts counts;
    for (const data::Row& row : beginning.rows) counts.add(row);
    corpus.receipt.tokens = counts.tokens, corpus.receipt.learned = counts.learned;
  }
  const double times = beginning.times;
  const recipes::TrainingSection& t = recipe.training;
  const int64_t steps = t.max_steps > 0
                            ? t.max_steps
                            : std::max<int64_t>(1, std::llround(times * double(corpus.batches->steps_of(t.epochs))));
  Workload load = workload_of(recipe, corpus, tokenizer, steps);
  if (!whole) {
    load.estimated_from = load.rows;
    load.rows = std::llround(times * double(load.rows)), load.tokens *= times, load.learned *= times;
    load.evaluation_tokens = workload_of(recipe).evaluation_tokens;
  }
  const RunShape run = run_shape(recipe, base.config, load, gpu);
  return forecast(recipe, run, *weights_of(recipe, base), load,
                  storage_of(recipe, &base, run.load, whole ? &corpus : nullptr, load), budget, measured, gpu);
}

}  // namespace hone::trainer
