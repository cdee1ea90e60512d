// Memory before the start: the run's own steps on the meta device, so that the plan is the code's truth and not a
// formula beside it.
#pragma once
#include <optional>

#include "data/batches/batches.h"
#include "trainer/model/load.h"
#include "trainer/model/lora.h"
#include "trainer/plan/plan.h"

namespace hone::trainer {

struct RunShape {
  Config config;
  LoadOptions load;
  std::optional<LoraOptions> lora;  // none: every parameter is trained
  data::Batch batch;                // the largest micro-batch
};

// Live and peak bytes of two training steps under `plan`.
Usage predict(const RunShape&, const Weights&, const Plan&);

// The plan that recomputes least within `budget` bytes: nothing, then cheap outputs, then more and more whole layers.
// Errors (ExitCode::memory): the smallest plan needs more; the message says how much.
Plan choose_plan(const RunShape&, const Weights&, uint64_t budget);

// The same policy for every layer.
Plan uniform_plan(const Config&, autograd::Recompute);

}  // namespace hone::trainer
