// Training states on disk: a folder a step, complete or not there; the newest valid one wins.
//   StateStore store("runs/a/checkpoints", 2);
//   store.save(state);                          // checkpoints/step-000128/{state.safetensors, MANIFEST.json}
//   if (auto found = store.newest()) …
// Written into a temporary folder beside its place, every file and folder synced, the manifest with sizes and hashes
// (its own too) last, then renamed. `latest` names the newest for people; newest() looks for itself.
#pragma once
#include <optional>

#include "checkpoints/formats/safetensors.h"
#include "kernels/host/json.h"

namespace hone::checkpoints {

using StateArray = HostTensor;

struct TrainingState {
  int64_t step = 0;
  Json facts;  // what belongs to the run beside its arrays
  std::vector<StateArray> arrays;
};

class StateStore {
 public:
  // Makes the folder, and removes what a killed writer left in it: one process at a time (FolderLock). Keeps at
  // least 1. `program` is its version, for the manifest.
  explicit StateStore(fs::path folder, int64_t keep = 2, std::string program = {});
  // A checkpoint of the same step is replaced. Refused before anything is written where 1.2 times the bytes are not
  // free. Then removes all but the newest `keep` up to this step, and newer ones: newest() passed over them. After an
  // error (ExitCode::io) what was there is as it was; the new one may be there too, whole, where only the last syncs or
  // the removal failed.
  void save(const TrainingState&);
  struct Found {
    TrainingState state;
    fs::path folder;
    std::vector<std::string> notes;  // newer ones that were passed over, and why
  };
  // Verifies size and hash of every file before a byte is used. Errors (ExitCode::io): there are checkpoints and none
  // is valid.
  std::optional<Found> newest() const;
  std::vector<int64_t> steps() const;  // ascending
  fs::path folder_of(int64_t step) const;

 private:
  TrainingState load(const fs::path& folder) const;
  fs::path folder_;
  int64_t keep_;
  std::string program_;
};

}  // namespace hone::checkpoints
