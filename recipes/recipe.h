// The recipe: what one training run does, as typed sections read from a YAML file.
//   const Recipe recipe = read_recipe("support.yaml", overrides);   // overrides: {"training.seed=3", …}
//   recipe.adapter.r;                                               // 16
//   write_text(run / "recipe.yaml", to_yaml(recipe));               // reads back as the same recipe
// What each key means: fields.h, or `hone recipe --describe`.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/host/file.h"
#include "kernels/host/json.h"

namespace hone::recipes {

// In YAML by these words; `automatic` is written "auto", `chat_template` "template".
enum class Quantization { nf4, none };
enum class Compute { automatic, float32, bfloat16 };
enum class DeviceChoice { automatic, cpu, cuda };
enum class WeightsFrom { load, random };
enum class AdapterType { lora, none };
enum class PackingMethod { best_fit, sequential };
enum class RowType { messages, sharegpt, oasst, alpaca, completion, text, tokens, preference };
enum class TrainOn { answers, all, last };
enum class ChatLayout { automatic, chat_template, chatml, llama3, plain };
enum class BadRows { stop, skip };
enum class TooLong { automatic, drop, split, truncate };
enum class Scheduler { cosine, linear, constant };
enum class OptimizerChoice { adamw, adamw_8bit };
enum class RecomputeChoice { automatic, none, selective, full };

// Steps where `steps` is positive, time else. In YAML an integer is steps; "30min", "2h", "45s" is time.
struct SaveEvery {
  int64_t steps = 0;
  double seconds = 1800;
  bool operator==(const SaveEvery&) const = default;
};

// One text or a list of them in YAML; each a file's name or a pattern.
struct Paths {
  std::vector<std::string> list;
  Paths() = default;
  Paths(std::string path) : list{std::move(path)} {}
  Paths(const char* path) : list{path} {}
  bool empty() const { return list.empty() || list[0].empty(); }
  bool operator==(const Paths&) const = default;
};
using Renames = std::vector<std::pair<std::string, std::string>>;  // a map in YAML

struct DataFile {
  Paths path;
  RowType type = RowType::messages;
  Renames fields{};  // hone's name of a field: the data's
  Renames roles{};   // the data's name of a role: user, assistant …
  double weight = 1;
  bool turns = false;
  bool append_end = true;
  bool operator==(const DataFile&) const = default;
};

// Text: "all-linear" or a regular expression for whole module names. A list: names.
using TargetModules = std::variant<std::string, std::vector<std::string>>;

struct ModelSection {
  std::string path;
  Quantization quantization = Quantization::nf4;
  bool double_quantization = true;
  Compute compute = Compute::automatic;
  DeviceChoice device = DeviceChoice::automatic;
  int64_t threads = 0;  // 0: all cores
  std::string shape;
  WeightsFrom weights = WeightsFrom::load;
  std::string cache = "auto";  // of the quantised base: auto, none, or a folder
  bool operator==(const ModelSection&) const = default;
};

struct AdapterSection {
  AdapterType type = AdapterType::lora;
  int64_t r = 16;
  double lora_alpha = 32;
  double lora_dropout = 0;
  TargetModules target_modules = "all-linear";
  bool use_rslora = false;
  std::string path;
  bool operator==(const AdapterSection&) const = default;
};

// What may be wrong with the data before a run is refused. Empty: any number, it is only said. Below 1 a share of the
// rows, from 1 on a number of rows; 0: none.
using Limit = std::optional<double>;
struct CheckSection {
  Limit max_bad, max_unlearned, max_too_long;
  Limit max_empty_answers, max_missing_ends, max_double_bos;
  Limit max_duplicates, max_near_duplicates;
  Limit max_shared, max_near_shared;
  Limit max_broken_text;
  Limit max_secrets, max_personal;
  bool operator==(const CheckSection&) const = default;
  bool empty() const { return *this == CheckSection{}; }
};

struct DataSection {
  std::vector<DataFile> train;
  std::vector<DataFile> evaluation;
  double evaluation_split = 0;
  int64_t max_length = 2048;
  bool packing = true;
  PackingMethod packing_method = PackingMethod::best_fit;
  TrainOn train_on = TrainOn::answers;
  bool shuffle = true;
  std::vector<std::string> train_roles = {"assistant"};
  ChatLayout chat_layout = ChatLayout::automatic;
  std::string chat_template;                // empty: the model's own
  std::vector<std::string> chat_variables;  // "name=value"
  std::string chat_date;                    // "2026-11-26"
  bool parse_special_tokens = false;
  TooLong too_long = TooLong::automatic;
  BadRows bad_rows = BadRows::stop;
  CheckSection check;
  std::string shards;  // empty: the folder shards beside output.dir
  bool operator==(const DataSection&) const = default;
};

struct TrainingSection {
  double epochs = 1;
  int64_t max_steps = 0;     // 0: by epochs
  int64_t batch_tokens = 0;  // 0: by micro_batch_size and gradient_accumulation_steps
  int64_t micro_batch_size = 1;
  int64_t gradient_accumulation_steps = 1;
  double learning_rate = 2e-4;
  Scheduler lr_scheduler = Scheduler::cosine;
  double warmup_ratio = 0;
  int64_t warmup_steps = 0;
  int64_t seed = 17;
  OptimizerChoice optimizer = OptimizerChoice::adamw;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double weight_decay = 0;
  double max_grad_norm = 1;  // 0: no clipping
  int64_t eval_steps = 0;    // 0: before the first and after the last alone
  RecomputeChoice recompute = RecomputeChoice::automatic;
  bool deterministic = false;
  std::vector<std::string> sample_prompts;
  bool operator==(const TrainingSection&) const = default;
};

struct OutputSection {
  std::string dir;  // read_recipe fills in runs/<name of the recipe file>
  SaveEvery save_every;
  int64_t keep = 2;
  bool operator==(const OutputSection&) const = default;
};

struct Recipe {
  ModelSection model;
  AdapterSection adapter;
  DataSection data;
  TrainingSection training;
  OutputSection output;
  bool operator==(const Recipe&) const = default;
};

// Reads and checks a recipe. An override is "key=value" with a key as in "training.seed" or "data.train[0].path" and a
// value as YAML writes it; the later wins. Relative paths are of the current folder. Throws Error (ExitCode::usage)
// with every problem found, a line each: "support.yaml:9:3   adapter.lora_alhpa   unknown key; did you mean
// lora_alpha?". Files and folders that the recipe names must be there; they are not opened.
// `needs` says what the reader is about to use: `model` alone lets data files be gone (generate, merge after the data
// moved).
enum class Needs { all, model };
Recipe read_recipe(const fs::path& file, std::span<const std::string> overrides = {}, Needs needs = Needs::all);

bool is_date(const std::string& text);  // 2026-11-26, as data.chat_date has it
// The files that an entry of data.train or data.evaluation means: patterns are searched, what they find is sorted.
std::vector<std::string> files_of(const DataFile& file);

// Every key with its value, except empty ones and those that others exclude. read_recipe gives back an equal Recipe.
std::string to_yaml(const Recipe& recipe);
// {"model": {"path": …}, …} with every key; choices as their words, save_every as 100 or "30min".
Json to_json(const Recipe& recipe);

// What keys mean: all of them, a section ("adapter") or one key ("adapter.r", "r"). Throws Error (ExitCode::usage) for
// an unknown name.
std::string describe(std::string_view section_or_key = {});
// The same as [{"key", "type", "default", "meaning"}], with "choices" where there are some and "limits" of a number.
Json describe_json(std::string_view section_or_key = {});

}  // namespace hone::recipes
