// Everything that can be known of a run before it starts: memory by class, what is made again, time, disk, and where
// it does not fit, what would. `hone plan` prints it, `hone train` starts with it.
//   const Forecast plan = forecast(recipe, run, weights, workload, {.budget = budget}, &stream);
//   screen << plan.text({.width = 80});
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "kernels/host/json.h"
#include "recipes/recipe.h"
#include "trainer/plan/disk.h"
#include "trainer/plan/memory.h"
#include "trainer/plan/planner.h"
#include "trainer/plan/roofline.h"
#include "trainer/plan/timing.h"
#include "trainer/report/display.h"

namespace hone::trainer {

// What a run reads, as far as it was looked at.
struct Workload {
  bool looked_at = false;          // else everything is taken from data.max_length
  int64_t rows = 0;                // of an epoch
  int64_t too_long = 0;            // rows that are dropped
  double padding = 0;              // share of the computed tokens
  int64_t estimated_from = 0;      // rows that were looked at, where not all were
  double tokens = 0, learned = 0;  // of an epoch
  int64_t largest_tokens = 1;      // of a micro-batch
  int64_t micro_batch_size = 1;
  int64_t steps = 0;                                 // of the run; 0: not known
  double micro_batches = 1, step_tokens = 0;         // of a step, on average
  std::vector<data::Batch> sample;                   // micro-batches like the run's
  std::vector<int32_t> lengths;                      // of the rows that were looked at
  int64_t evaluation_tokens = 0, sample_tokens = 0;  // as in RunShape
};

// The memory a run may take.
struct Budget {
  uint64_t bytes = 0;    // 0: not known
  uint64_t reserve = 0;  // free, and left so
  bool asked = false;    // by --memory, not what this machine has
};
// What this machine, or its GPU, has free now, less a reserve for the system, the page cache and other programs. Not
// known where it has no GPU.
Budget budget_of_machine(DeviceType);
Budget budget_of(const Gpu&);

struct Way {                   // out of a plan that does not fit
  std::string what, set;       // "max_length 2048", "data.max_length=2048"
  std::string price;           // "1.9 % of rows longer"
  int64_t saved = 0;           // bytes
  std::optional<double> time;  // of a token, beside the plan's
  bool enough = false;
};

struct Forecast {
  std::string model, family, device;
  int64_t parameters = 0, layers = 0;
  Choice choice;
  Budget budget;
  Workload workload;
  std::optional<Rates> rates;
  const Gpu* gpu = nullptr;         // planned for, where it is not this machine's
  std::vector<KernelTime> kernels;  // of a step on it, what takes longest first
  double step_seconds = 0;          // 0: neither measured nor expected
  double step_flops = 0;            // operations of products
  uint64_t result_bytes = 0;
  Disk disk;
  std::string base_format, result;  // "nf4", "bfloat16 as stored" · "adapter", "model"
  std::vector<Way> ways;            // cheapest first; empty where it fits

  bool fits() const { return choice.fits; }  // memory
  std::string disk_remedy() const;           // where disk.lacking
  uint64_t bytes(Memory kind) const { return choice.usage.peak_of[size_t(kind)]; }
  // Lines no wider than the screen (of 20 columns at least), each ending in '\n'.
  std::string text(const DisplayStyle& style) const;
  OrderedJson json() const;
};

// `stream`: where time is measured. `gpu`: whose roofline stands in the place of measurement. Neither: time is left
// out.
Forecast forecast(const recipes::Recipe&, const RunShape&, const Weights&, Workload, const Storage&, const Budget&,
                  Stream* stream, const Gpu* gpu = nullptr);

}  // namespace hone::trainer
