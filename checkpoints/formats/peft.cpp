#include "checkpoints/formats/peft.h"

#include <cmath>
#include <regex>
#include <set>

#include "checkpoints/formats/output_folder.h"
#include "checkpoints/formats/safetensors.h"
#include "kernels/host/json.h"
#include "kernels/host/text.h"

namespace hone::checkpoints {

namespace {
constexpr std::string_view kPrefix = "base_model.model.", kA = ".lora_A.weight", kB = ".lora_B.weight";
}

double LoraAdapter::scale(const LoraModule& module) const {
  return module.alpha / (use_rslora ? std::sqrt(double(module.rank)) : double(module.rank));
}

void write_adapter(const fs::path& folder, const LoraAdapter& adapter) {
  check_replaceable(folder, "adapter_config.json");
  make_folders(folder.parent_path());
  FolderWriter out(folder);
  std::vector<HostTensor> tensors;
  for (const LoraModule& module : adapter.modules) {
    const std::string name = std::string(kPrefix) + module.module;
    tensors.push_back(host_tensor(name + std::string(kA), {module.rank, module.in}, module.a));
    tensors.push_back(host_tensor(name + std::string(kB), {module.out, module.rank}, module.b));
  }
  write_safetensors(out.path() / "adapter_model.safetensors", tensors, {{"format", "pt"}});

  // Keys that all versions read: older ones refuse keys they do not know. Json sorts them, as PEFT does.
  Json config{{"alpha_pattern", adapter.alpha_pattern},
              {"auto_mapping", nullptr},
              {"base_model_name_or_path", adapter.base_model},
              {"bias", "none"},
              {"fan_in_fan_out", false},
              {"inference_mode", true},
              {"init_lora_weights", true},
              {"layer_replication", nullptr},
              {"layers_pattern", nullptr},
              {"layers_to_transform", nullptr},
              {"loftq_config", Json::object()},
              {"lora_alpha", adapter.alpha},
              {"lora_dropout", adapter.dropout},
              {"megatron_config", nullptr},
              {"megatron_core", "megatron.core"},
              {"modules_to_save", nullptr},
              {"peft_type", "LORA"},
              {"r", adapter.r},
              {"rank_pattern", adapter.rank_pattern},
              {"revision", nullptr},
              {"task_type", "CAUSAL_LM"},
              {"use_dora", false},
              {"use_rslora", adapter.use_rslora}};
  if (adapter.alpha == std::floor(adapter.alpha) && std::abs(adapter.alpha) < 1e15)
    config["lora_alpha"] = int64_t(adapter.alpha);
  if (const auto* pattern = std::get_if<std::string>(&adapter.target_modules)) {
    config["target_modules"] = *pattern;
  } else {
    std::vector<std::string> names = std::get<std::vector<std::string>>(adapter.target_modules);
    std::ranges::sort(names);
    config["target_modules"] = names;
  }
  write_text(out.path() / "adapter_config.json", config.dump(2) + "\n");
  out.commit();
}

namespace {
// Settings that change what an adapter computes and that this reader does not know: each must have the value that
// switches it off.
void refuse_unsupported(const JsonView& config) {
  static const std::set<std::string> ignored{"alpha_pattern",
                                             "auto_mapping",
                                             "base_model_name_or_path",
                                             "inference_mode",
                                             "lora_alpha",
                                             "lora_dropout",
                                             "megatron_core",
                                             "peft_type",
                                             "peft_version",
                                             "r",
                                             "rank_pattern",
                                             "revision",
                                             "target_modules",
                                             "use_rslora",
                                             "qalora_group_size"};
  // Initialisations that leave the base's weights as they are; the others (pissa, olora, loftq …) change them, and the
  // adapter is only right on what they changed.
  static const std::set<Json> initialisations{true, false, "gaussian", "orthogonal", "eva"};
  for (const auto& [key, value] : config.members()) {
    if (ignored.contains(key)) continue;
    const Json& v = value.value();
    const bool off = v.is_null() || v == Json(false) || (v.is_structured() && v.empty()) ||
                     (key == "bias" && v == Json("none")) || (key == "task_type" && v == Json("CAUSAL_LM")) ||
                     (key == "init_lora_weights" && initialisations.contains(v));
    require(off, ExitCode::input, config.where(), ": ", key,
            ": this setting is not supported; expected a plain LoRA adapter of a causal language model, with ", key,
            " not set");
  }
}

// rank_pattern or alpha_pattern, compiled once. The patterns are somebody else's: libstdc++'s polynomial matcher does
// not backtrack (and refuses back-references), without counted repetitions the number of its states is bounded by the
// text's.
template <class Value>
class Patterns {
 public:
  Patterns(const std::map<std::string, Value>& patterns, std::string where) : where_(std::move(where)) {
    require(patterns.size() <= 1024, ExitCode::input, where_, ": ", patterns.size(),
            " patterns, at most 1024 are read");
    for (const auto& [key, value] : patterns) {
      const bool plain = key.size() <= 512 && key.find('{') == std::string::npos;
      try {
        require(plain, ExitCode::input, where_, ": pattern ", key.substr(0, 80),
                ": expected at most 512 characters and no {…}");
        rows_.push_back(
            {key, std::regex("(.*\\.)?(" + key + ")", std::regex::ECMAScript | std::regex_constants::__polynomial),
             value});
      } catch (const std::regex_error&) {
        fail(ExitCode::input, where_, ": not a regular expression that is supported: ", key);
      }
    }
  }
  Value of(const std::string& module, Value otherwise) const {
    const Row* found = nullptr;
    for (const Row& row : rows_) {
      if (!std::regex_match(module, row.expression)) continue;
      require(!found || found->value == row.value, ExitCode::input, where_, ": patterns ", found ? found->key : "",
              " and ", row.key, " give ", module, " different values; write them so that one applies");
      found = &row;
    }
    return found ? found->value : otherwise;
  }

 private:
  struct Row {
    std::string key;
    std::regex expression;
    Value value;
  };
  std::string where_;
  std::vector<Row> rows_;
};

std::vector<float> values_of(const SafetensorsFile& file, const TensorInfo& info) {
  std::vector<float> values(size_t(info.elements()));
  file.read_float32(info, 0, values);
  return values;
}
}  // namespace

LoraAdapter read_adapter(const fs::path& folder) {
  require(fs::is_directory(folder), ExitCode::input,
          fs::exists(folder) ? folder.string() + ": expected an adapter folder, got a file" : missing_text(folder));
  const fs::path config_path = folder / "adapter_config.json";
  const Json json = read_json(config_path);
  const JsonView config(json, config_path.string());
  require(config.text("peft_type") == "LORA", ExitCode::input, config.where(), ": peft_type: expected LORA, got ",
          config.text("peft_type"));
  refuse_unsupported(config);

  LoraAdapter adapter;
  constexpr int64_t kMostRank = 1 << 16;
  adapter.r = config.integer_or("r", 8, 1, kMostRank);
  adapter.alpha = config.number_or("lora_alpha", 8);
  adapter.dropout = config.number_or("lora_dropout", 0);
  require(adapter.dropout >= 0 && adapter.dropout < 1, ExitCode::input, config.where(),
          ": lora_dropout: expected 0 to below 1, got ", adapter.dropout);
  adapter.use_rslora = config.boolean_or("use_rslora", false);
  adapter.base_model = config.text_or("base_model_name_or_path", "");
  if (const auto patterns = config.find("rank_pattern"))
    for (const auto& [key, value] : patterns->members()) adapter.rank_pattern[key] = value.as_integer(1, kMostRank);
  if (const auto patterns = config.find("alpha_pattern"))
    for (const auto& [key, value] : patterns->members()) adapter.alpha_pattern[key] = value.as_number();
  if (const JsonView targets = config.at("target_modules"); targets.value().is_string()) {
    adapter.target_modules = targets.as_text();
  } else {
    std::vector<std::string> names;
    for (const JsonView& name : targets.items()) names.push_back(name.as_text());
    adapter.target_modules = names;
  }

  const fs::path weights = folder / "adapter_model.safetensors";
  require(fs::exists(weights) || !fs::exists(folder / "adapter_model.bin"), ExitCode::input, folder.string(),
          ": holds adapter_model.bin only; save the adapter as safetensors (save_pretrained does)");
  const SafetensorsFile file(weights);
  const Patterns<int64_t> ranks(adapter.rank_pattern, config.where() + ": rank_pattern");
  const Patterns<double> alphas(adapter.alpha_pattern, config.where() + ": alpha_pattern");
  for (const TensorInfo& info : file.tensors()) {
    const bool a = info.name.ends_with(kA), b = info.name.ends_with(kB);
    require((a || b) && info.name.starts_with(kPrefix) && info.shape.size() == 2, ExitCode::input, file.path().string(),
            ": tensor ", info.name, " is not a matrix of a LoRA pair (", kPrefix, "MODULE", kA, " or ", kB, ")");
    const std::string stem = info.name.substr(0, info.name.size() - kA.size());
    if (b) {
      require(file.find(stem + std::string(kA)) != nullptr, ExitCode::input, file.path().string(), ": ", info.name,
              " has no lora_A beside it");
      continue;
    }
    const TensorInfo& partner = file.at(stem + std::string(kB));
    LoraModule module;
    module.module = stem.substr(kPrefix.size());
    module.rank = info.shape[0], module.in = info.shape[1], module.out = partner.shape.empty() ? 0 : partner.shape[0];
    const int64_t rank = ranks.of(module.module, adapter.r);
    require(module.rank == rank, ExitCode::input, file.path().string(), ": tensor ", info.name, ": expected rank ",
            rank, " by adapter_config.json, got ", module.rank);
    require(partner.shape.size() == 2 && partner.shape[1] == module.rank, ExitCode::input, file.path().string(),
            ": tensor ", partner.name, ": expected ", module.rank, " columns as lora_A has rows, got shape ",
            shape_text(partner.shape));
    module.alpha = alphas.of(module.module, adapter.alpha);
    module.a = values_of(file, info), module.b = values_of(file, partner);
    adapter.modules.push_back(std::move(module));
  }
  require(!adapter.modules.empty(), ExitCode::input, file.path().string(), ": holds no LoRA matrices");
  return adapter;
}

}  // namespace hone::checkpoints
