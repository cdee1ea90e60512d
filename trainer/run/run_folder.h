// The folder of a run: what is where, who holds it, what a resumed run keeps.
//   recipe.yaml receipt.json plan.json metrics.jsonl evaluation.jsonl samples.jsonl events.jsonl tensorboard/
//   checkpoints/step-NNNNNN/ adapter/ or model/ summary.json provenance.json report.html
#pragma once
#include <string>

#include "kernels/host/file.h"

namespace hone::trainer {

class RunFolder {
 public:
  // Makes the folder, holds it for this process (ExitCode::usage where another does) and sweeps what an interrupted
  // writer left.
  explicit RunFolder(const fs::path& folder);
  const fs::path& path() const { return path_; }
  fs::path recipe() const { return path_ / "recipe.yaml"; }
  fs::path receipt() const { return path_ / "receipt.json"; }
  fs::path plan() const { return path_ / "plan.json"; }
  fs::path metrics() const { return path_ / "metrics.jsonl"; }
  fs::path samples() const { return path_ / "samples.jsonl"; }
  fs::path evaluation() const { return path_ / "evaluation.jsonl"; }
  fs::path events() const { return path_ / "events.jsonl"; }
  fs::path tensorboard() const { return path_ / "tensorboard"; }
  fs::path provenance() const { return path_ / "provenance.json"; }
  fs::path report() const { return path_ / "report.html"; }
  fs::path summary() const { return path_ / "summary.json"; }
  fs::path checkpoints() const { return path_ / "checkpoints"; }
  fs::path adapter() const { return path_ / "adapter"; }
  fs::path model() const { return path_ / "model"; }

  bool holds_a_run() const;
  // Drops the lines of metrics.jsonl, evaluation.jsonl and samples.jsonl after `step`: a resumed run writes them again.
  void keep_lines_until(int64_t step) const;

 private:
  fs::path path_;
  FolderLock lock_;
};

}  // namespace hone::trainer
