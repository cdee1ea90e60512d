#include "trainer/run/run_folder.h"

#include <sstream>

#include "kernels/host/json.h"

namespace hone::trainer {

namespace {
fs::path made(const fs::path& folder) {
  make_folders(folder);
  return folder;
}

void keep_lines(const fs::path& file, int64_t step) {
  if (!fs::exists(file)) return;
  std::istringstream lines(read_text(file));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    // The last line may be torn: the process was killed while writing it.
    const Json value = Json::parse(line, nullptr, false);
    if (!value.is_object() || !value.contains("step") || !value["step"].is_number_integer()) continue;
    if (value["step"].get<int64_t>() <= step) kept += line + "\n";
  }
  write_text(file, kept);
}
}  // namespace

RunFolder::RunFolder(const fs::path& folder) : path_(made(folder)), lock_(path_) {
  sweep_temporaries(path_);
  make_folders(checkpoints());
}

bool RunFolder::holds_a_run() const { return fs::exists(metrics()) || fs::exists(recipe()); }

void RunFolder::keep_lines_until(int64_t step) const {
  keep_lines(metrics(), step);
  keep_lines(evaluation(), step);
  keep_lines(samples(), step);
}

}  // namespace hone::trainer
