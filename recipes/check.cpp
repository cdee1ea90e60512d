// What no single key can tell: keys that exclude or need each other, files that are not there.
#include "kernels/host/error.h"
#include "kernels/host/glob.h"
#include "recipes/read.h"

namespace hone::recipes {

namespace {
std::string missing(const std::string& path) {
  constexpr size_t kMost = 4095;  // Linux knows no longer one
  return path.size() > kMost ? joined("longer than a path can be, ", kMost, " bytes") : missing_text(path);
}

void check_folder(Reading& reading, const std::string& key, const std::string& path) {
  std::error_code ignored;
  if (path.empty() || fs::is_directory(path, ignored)) return;
  reading.problem(key, fs::exists(path, ignored) ? "not a folder: " + path : missing(path));
}

void check_data(Reading& reading, const std::string& key, const std::vector<DataFile>& files) {
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string name = joined(key, "[", i, "].path");
    if (!reading.has(name) || reading.told(name)) continue;
    if (files[i].path.list.empty()) reading.problem(name, "missing: which file?");
    for (const std::string& path : files[i].path.list) {
      std::error_code ignored;
      if (path.empty()) {
        reading.problem(name, "missing: which file?");
      } else if (fs::is_directory(path, ignored)) {
        reading.problem(name, joined("a folder, not a file: ", path, "; name its files, such as ",
                                     (fs::path(path) / "*.jsonl").string()));
      } else if (!fs::exists(path, ignored)) {
        if (!is_pattern(path))
          reading.problem(name, missing(path));
        else if (files_matching(path).empty())
          reading.problem(name, "no file matches " + path);
      }
    }
  }
}

// A default that the other key excludes is no conflict; only what the recipe names is.
void check_exclusive(Reading& reading, const std::string& key, bool set, const std::string& other, bool other_set) {
  if (set && other_set) reading.problem(key, "excludes " + other + "; leave one of them out");
}
}  // namespace

bool is_date(const std::string& text) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i)
    if (kForm[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return false;
  const int month = std::stoi(text.substr(5, 2)), day = std::stoi(text.substr(8, 2));
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

std::vector<std::string> files_of(const DataFile& file) {
  std::vector<std::string> files;
  for (const std::string& path : file.path.list) {
    std::error_code ignored;
    if (!is_pattern(path) || fs::exists(path, ignored)) {  // a file may be called so
      files.push_back(path);
      continue;
    }
    for (const fs::path& found : files_matching(path)) files.push_back(found.string());
  }
  return files;
}

void check(Reading& reading, Needs needs) {
  const Recipe& recipe = reading.recipe;
  const auto& [model, adapter, data, training, output] = recipe;

  if (model.path.empty() && model.shape.empty() && !reading.told("model.path"))
    reading.problem("model.path", "missing: the folder of the model");
  check_exclusive(reading, "model.shape", !model.shape.empty(), "model.path", !model.path.empty());
  check_folder(reading, "model.path", model.path);

  if (adapter.type == AdapterType::none) {
    if (model.quantization != Quantization::none)
      reading.problem("adapter.type", "none trains every parameter, which needs model.quantization: none");
    if (!adapter.path.empty()) reading.problem("adapter.path", "needs adapter.type: lora");
  }
  const auto* names = std::get_if<std::vector<std::string>>(&adapter.target_modules);
  if (names ? names->empty() : std::get<std::string>(adapter.target_modules).empty())
    reading.problem("adapter.target_modules", "empty: no layer would get an adapter");
  check_folder(reading, "adapter.path", adapter.path);

  if (needs == Needs::all) {
    if (data.train.empty() && !reading.told("data.train"))
      reading.problem("data.train", "missing: files to learn from, [{path: data/a.jsonl, type: messages}]");
    check_data(reading, "data.train", data.train);
    check_data(reading, "data.evaluation", data.evaluation);
  }
  check_exclusive(reading, "data.evaluation_split", data.evaluation_split > 0, "data.evaluation",
                  !data.evaluation.empty());

  const bool layout = data.chat_layout != ChatLayout::automatic && data.chat_layout != ChatLayout::chat_template;
  check_exclusive(reading, "data.chat_template", !data.chat_template.empty(), "data.chat_layout", layout);
  if (const std::string& text = data.chat_template; needs == Needs::all && !text.empty() &&
                                                    text.find("{{") == text.npos && text.find("{%") == text.npos &&
                                                    !fs::exists(text))
    reading.problem("data.chat_template", missing(text));
  for (size_t i = 0; i < data.chat_variables.size(); ++i)
    if (const size_t at = data.chat_variables[i].find('='); at == 0 || at == std::string::npos)
      reading.problem(joined("data.chat_variables[", i, "]"), "expected \"name=value\"");
  if (!data.chat_date.empty() && !is_date(data.chat_date))
    reading.problem("data.chat_date", "expected a day like 2026-11-26, got \"" + data.chat_date + "\"");
  if (data.train_roles.empty()) reading.problem("data.train_roles", "empty: nothing would be learned");

  for (const char* key : {"training.micro_batch_size", "training.gradient_accumulation_steps"})
    check_exclusive(reading, key, reading.has(key), "training.batch_tokens", training.batch_tokens > 0);
  check_exclusive(reading, "training.warmup_ratio", training.warmup_ratio > 0, "training.warmup_steps",
                  training.warmup_steps > 0);
}

}  // namespace hone::recipes
