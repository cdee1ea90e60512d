// Memory before the start: the run's own step on the meta device, so that the plan is the code's truth and not a
// formula beside it.
//   const Choice choice = choose_plan(run, weights, Recompute::none, budget);   // choice.usage.peak_of[…], choice.fits
#pragma once
#include <optional>

#include "data/batches/batches.h"
#include "trainer/model/load.h"
#include "trainer/model/lora.h"
#include "trainer/optim/optimizer.h"
#include "trainer/plan/plan.h"

namespace hone::trainer {

struct RunShape {
  Config config;
  LoadOptions load;
  std::optional<LoraOptions> lora;                       // neither this nor `adapter`: every parameter is trained
  std::optional<checkpoints::LoraAdapter> adapter = {};  // training goes on from this one
  data::Batch batch;                                     // the largest micro-batch
  int64_t evaluation_tokens = 0;  // most that evaluation reads at a time; 0: nothing is evaluated
  int64_t sample_tokens = 0;      // longest prompt that is answered; 0: none is
  DeviceType device = DeviceType::cpu;
  OptimizerKind optimizer = OptimizerKind::adamw;
  bool attention_by_library = false;  // Stream::attention_by_library
};

// Live and peak bytes of a training step under `plan`, and of evaluating and answering between two steps; by
// trainer::Memory.
Usage predict(const RunShape&, const Weights&, const Plan& plan);

struct Choice {
  Plan plan;
  Usage usage;
  bool fits = true;
};
// The plan that recomputes least within `budget` bytes (0: any amount): nothing, then cheap outputs, then more and more
// whole layers. `wanted`: that policy and no other. Where none fits, the smallest.
Choice choose_plan(const RunShape&, const Weights&, std::optional<autograd::Recompute> wanted, uint64_t budget);

// The same policy for every layer.
Plan uniform_plan(const Config&, autograd::Recompute);
// "nothing made again" · "norms and SwiGLU made again, 12 of 32 layers whole"
std::string policy_text(const Plan&);

// A micro-batch of `documents` documents of equal length, `tokens` in all, every position with a label.
data::Batch blank_batch(int64_t tokens, int64_t documents = 1);

// The kernel calls of one optimiser step over `micro_batches` under `plan`; none of them: those of the step's end
// alone.
Work work_of_step(const RunShape&, const Weights&, const Plan& plan, const std::vector<data::Batch>& micro_batches);

// What such a step takes beside its kernels: the tape, memory handed out, calls on their way. Median of a few steps on
// the meta device.
double host_seconds_of_step(const RunShape&, const Weights&, const Plan& plan,
                            const std::vector<data::Batch>& micro_batches);

}  // namespace hone::trainer
