#include "checkpoints/state/state_store.h"

#include <algorithm>
#include <cstdio>

#include "kernels/host/hash.h"
#include "kernels/host/text.h"

namespace hone::checkpoints {

namespace {
constexpr std::string_view kPrefix = "step-";
constexpr const char *kArrays = "state.safetensors", *kManifest = "MANIFEST.json";
constexpr int64_t kSchema = 1;

// Of everything else in the manifest: JSON is the same text again when it is parsed and written without spaces.
std::string hash_of(Json manifest) {
  manifest.erase("xxh3");
  return xxh3_of(manifest.dump());
}

std::optional<int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kPrefix) || name.size() < kPrefix.size() + 6) return {};
  const std::string digits = name.substr(kPrefix.size());
  if (digits.find_first_not_of("0123456789") != std::string::npos) return {};
  return parse_integer(digits);
}
}  // namespace

StateStore::StateStore(fs::path folder, int64_t keep, std::string program)
    : folder_(std::move(folder)), keep_(std::max<int64_t>(1, keep)), program_(std::move(program)) {
  make_folders(folder_);
  sweep_temporaries(folder_);
}

fs::path StateStore::folder_of(int64_t step) const {
  char name[32];
  std::snprintf(name, sizeof name, "step-%06lld", static_cast<long long>(step));
  return folder_ / name;
}

std::vector<int64_t> StateStore::steps() const {
  std::vector<int64_t> all;
  for (const fs::path& entry : entries_of(folder_))
    if (const auto step = step_of(entry); step && fs::is_directory(entry)) all.push_back(*step);
  std::ranges::sort(all);
  return all;
}

void StateStore::save(const TrainingState& state) {
  uint64_t need = 1 << 16;
  for (const StateArray& array : state.arrays) need += array.bytes.size();
  need += need / 5;
  const uint64_t free = free_bytes(folder_);
  require(free >= need, ExitCode::io, folder_.string(), ": a checkpoint needs ", bytes_text(need), ", ",
          bytes_text(free), " are free; free some space or set a smaller output.keep");
  FolderWriter out(folder_of(state.step));
  write_safetensors(out.path() / kArrays, state.arrays);
  const uint64_t size = InputFile(out.path() / kArrays).size();
  Json manifest{{"schema", kSchema},
                {"program", program_},
                {"step", state.step},
                {"facts", state.facts},
                {"files", {{{"name", kArrays}, {"bytes", size}, {"xxh3", hash_of_file(out.path() / kArrays)}}}}};
  manifest["xxh3"] = hash_of(manifest);
  write_text(out.path() / kManifest, manifest.dump(2) + "\n");
  out.commit();
  write_text(folder_ / "latest",
             folder_of(state.step).filename().string() + "\n");  // a hint for people; newest() does not trust it
  // Newer ones were damaged, or the run would have gone on from them; left there, they would take the place of good
  // ones.
  std::vector<int64_t> older;
  for (const int64_t step : steps())
    if (step > state.step) {
      remove_folder(folder_of(step));
    } else {
      older.push_back(step);
    }
  for (size_t i = 0; i + size_t(keep_) < older.size(); ++i) remove_folder(folder_of(older[i]));
}

TrainingState StateStore::load(const fs::path& folder) const {
  const Json json = read_json(folder / kManifest);
  const JsonView manifest(json, (folder / kManifest).string());
  require(manifest.integer("schema") == kSchema, ExitCode::input, manifest.where(), ": schema ",
          manifest.integer("schema"), " was written by another version; this one reads ", kSchema);
  require(manifest.text("xxh3") == hash_of(json), ExitCode::input, manifest.where(),
          ": its hash is not its own: the file is damaged");
  const std::vector<JsonView> files = manifest.at("files").items();
  require(files.size() == 1, ExitCode::input, manifest.where(), ": files: expected 1, got ", files.size());
  for (const JsonView& file : files) {
    const std::string name = file.text("name");
    require(name == kArrays, ExitCode::input, manifest.where(), ": names a file that does not belong here");
    const auto expected = uint64_t(file.integer("bytes", 0));
    const uint64_t size = InputFile(folder / name).size();
    require(size == expected, ExitCode::input, (folder / name).string(), ": expected ", expected, " bytes, got ", size);
    require(hash_of_file(folder / name) == file.text("xxh3"), ExitCode::input, (folder / name).string(),
            ": its hash is not the manifest's: the file is damaged");
  }
  TrainingState state{.step = manifest.integer("step", 0), .facts = manifest.at("facts").value(), .arrays = {}};
  require(folder.filename() == folder_of(state.step).filename(), ExitCode::input, manifest.where(), ": says step ",
          state.step);
  const SafetensorsFile file(folder / kArrays);
  for (const TensorInfo& info : file.tensors()) {
    StateArray array{info.name, info.dtype, info.shape, std::vector<std::byte>(info.end - info.begin)};
    file.read(info, 0, array.bytes);
    state.arrays.push_back(std::move(array));
  }
  return state;
}

std::optional<StateStore::Found> StateStore::newest() const {
  std::vector<int64_t> all = steps();
  std::vector<std::string> notes;
  for (auto step = all.rbegin(); step != all.rend(); ++step) {
    const fs::path folder = folder_of(*step);
    try {
      return Found{load(folder), folder, notes};
    } catch (const std::runtime_error& error) {  // Error, and what std::filesystem throws
      notes.push_back("checkpoint " + folder.filename().string() + " is passed over: " + error.what());
    }
  }
  if (notes.empty()) return {};
  std::string text = folder_.string() + ": no checkpoint is valid:";
  for (const std::string& note : notes) text += "\n  " + note;
  fail(ExitCode::io, text, "\nstart anew with another output.dir");
}

}  // namespace hone::checkpoints
