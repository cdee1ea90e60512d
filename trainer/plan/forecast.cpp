#include "trainer/plan/forecast.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/cuda/device.h"
#include "kernels/host/file.h"
#include "kernels/host/memory.h"
#include "trainer/model/shapes.h"

namespace hone::trainer {

namespace {
constexpr double kReserve = 0.1;            // of what is free
constexpr int64_t kMeasuredTokens = 512;    // at most, of the micro-batch whose kernels are timed
constexpr double kMeasuredProducts = 4e11;  // floating-point operations of its distinct calls, at most

std::optional<Recompute> wanted_policy(recipes::RecomputeChoice choice) {
  using recipes::RecomputeChoice;
  if (choice == RecomputeChoice::automatic) return {};
  return choice == RecomputeChoice::full        ? Recompute::full
         : choice == RecomputeChoice::selective ? Recompute::selective
                                                : Recompute::none;
}

double distinct_flops(const Work& work) {
  double flops = 0;
  for (const Work::Call& call : work.calls()) flops += call.flops / double(call.count);
  return flops;
}

// Small enough to be timed in a few seconds, else as large as the run's own.
std::vector<data::Batch> measured_batch(const RunShape& run, const Weights& weights, const Plan& plan,
                                        const Workload& load) {
  if (!load.sample.empty() && std::ssize(load.sample.front().tokens) <= kMeasuredTokens) return {load.sample.front()};
  int64_t tokens = std::min(kMeasuredTokens, load.largest_tokens);
  while (tokens > 64 && distinct_flops(work_of_step(run, weights, plan, {blank_batch(tokens)})) > kMeasuredProducts)
    tokens /= 2;
  return {blank_batch(tokens)};
}

// Of a step of `micro_batches` micro-batches like those of `sample`, as the forecast knows time.
double seconds_of_step(const Forecast& known, const RunShape& run, const Weights& weights, const Plan& plan,
                       const std::vector<data::Batch>& sample, double micro_batches) {
  const auto seconds = [&](const std::vector<data::Batch>& batches) {
    const Work work = work_of_step(run, weights, plan, batches);
    return known.gpu ? expected_seconds(*known.gpu, work) : known.rates->seconds(work);
  };
  const double end = seconds({}), all = seconds(sample);
  return end + (all - end) / double(sample.size()) * micro_batches;
}

// Changes to the run that take less memory, each tried as the run itself is.
class WaysOut {
 public:
  WaysOut(const recipes::Recipe& recipe, const RunShape& run, const Weights& weights, const Forecast& plan)
      : recipe_(recipe), run_(run), weights_(weights), plan_(plan), wanted_(wanted_policy(recipe.training.recompute)) {
    if (plan_.step_seconds > 0) token_seconds_ = seconds_of_token(run_, plan_.choice.plan);
  }

  std::vector<Way> all() {
    RunShape everything = run_;
    std::optional<Recompute> policy = wanted_;
    if (wanted_ && *wanted_ != Recompute::full) {
      add("recompute whole layers", "training.recompute=full", "", run_, Recompute::full);
      policy = Recompute::full;
    }
    const int64_t micro = plan_.workload.micro_batch_size, length = std::ssize(run_.batch.tokens) / micro;
    if (micro > 1) {
      everything.batch = blank_batch(length);
      add(joined("micro-batches of 1 row, ", micro, " times as many"),
          joined("training.micro_batch_size=1 --set training.gradient_accumulation_steps=",
                 micro * recipe_.training.gradient_accumulation_steps),
          "", everything, wanted_);
    }
    if (run_.optimizer == OptimizerKind::adamw) {
      everything.optimizer = OptimizerKind::adamw_8bit;
      RunShape changed = run_;
      changed.optimizer = everything.optimizer;
      add("moments in 8 bits", "training.optimizer=adamw_8bit", "", changed, wanted_);
    }
    if (run_.lora && !run_.load.quantize) {
      everything.load.quantize = true;
      RunShape changed = run_;
      changed.load.quantize = true;
      add("base in 4 bits", "model.quantization=nf4", "", changed, wanted_);
    }
    if (run_.load.trainable) {
      RunShape changed = run_;
      changed.load.trainable = false, changed.load.quantize = true, changed.lora = LoraOptions{};
      everything.load = changed.load, everything.lora = changed.lora;
      add("an adapter on a base in 4 bits", "adapter.type=lora --set model.quantization=nf4", "an adapter, no model",
          changed, wanted_);
    }
    if (run_.lora && run_.lora->rank > 4) {
      everything.lora->rank = run_.lora->rank / 2;
      RunShape changed = run_;
      changed.lora->rank = everything.lora->rank;
      add(joined("r ", changed.lora->rank), joined("adapter.r=", changed.lora->rank), "", changed, wanted_);
    }
    add_max_length(run_, wanted_, length, "");
    if (std::ranges::none_of(ways_, &Way::enough)) {
      std::string sets;
      for (const Way& way : ways_)
        if (!way.set.starts_with("data.max_length")) sets += (sets.empty() ? "" : " --set ") + way.set;
      if (ways_.size() > 2) add("all of these but max_length", sets, "", everything, policy);
      if (!ways_.back().enough) add_max_length(everything, policy, length, "all of these, ", sets);
    }
    std::ranges::stable_sort(ways_, [](const Way& a, const Way& b) {
      return a.enough != b.enough ? a.enough : a.enough ? a.time.value_or(1) < b.time.value_or(1) : a.saved > b.saved;
    });
    return ways_;
  }

 private:
  double seconds_of_token(const RunShape& run, const Plan& plan) const {
    return seconds_of_step(plan_, run, weights_, plan, {run.batch}, 1) / double(run.batch.tokens.size());
  }

  Choice add(const std::string& what, const std::string& set, const std::string& price, const RunShape& changed,
             std::optional<Recompute> policy) {
    const Choice choice = choose_plan(changed, weights_, policy, plan_.budget.bytes);
    std::optional<double> time;
    if (plan_.step_seconds > 0) time = seconds_of_token(changed, choice.plan) / token_seconds_;
    ways_.push_back(
        {what, set, price, int64_t(plan_.choice.usage.peak) - int64_t(choice.usage.peak), time, choice.fits});
    return choice;
  }

  // The longest that fits, in steps of 64 tokens; half of it where none does.
  void add_max_length(RunShape changed, std::optional<Recompute> policy, int64_t length, const std::string& before,
                      const std::string& sets = {}) {
    if (length < 128) return;
    const int64_t rows = std::max<int64_t>(1, std::ssize(changed.batch.tokens) / length);
    const auto with = [&](int64_t tokens) {
      changed.batch = blank_batch(tokens * rows);
      changed.evaluation_tokens = std::min(run_.evaluation_tokens, tokens * rows);
      return choose_plan(changed, weights_, policy ? policy : Recompute::full, plan_.budget.bytes).fits;
    };
    int64_t fits = 0, too_long = length / 64;
    while (too_long - fits > 1) {
      const int64_t middle = (fits + too_long) / 2;
      (with(middle * 64) ? fits : too_long) = middle;
    }
    const int64_t tokens = fits > 0 ? fits * 64 : length / 2;
    with(tokens);
    const auto longer = std::ranges::count_if(plan_.workload.lengths, [&](int32_t n) { return n > tokens; });
    char price[64] = "";
    if (!plan_.workload.lengths.empty())
      std::snprintf(price, sizeof price, "%.1f %% of rows longer",
                    100.0 * double(longer) / double(plan_.workload.lengths.size()));
    add(joined(before, "max_length ", tokens), joined("data.max_length=", tokens, sets.empty() ? "" : " --set ", sets),
        price, changed, policy);
  }

  const recipes::Recipe& recipe_;
  const RunShape& run_;
  const Weights& weights_;
  const Forecast& plan_;
  std::optional<Recompute> wanted_;
  double token_seconds_ = 0;
  std::vector<Way> ways_;
};
// That a run writes, kept or not; where the time between two is not known, more than are kept.
int64_t most_checkpoints(const recipes::OutputSection& output, const Forecast& plan) {
  const double steps = double(plan.workload.steps), seconds = steps * plan.step_seconds;
  if (steps == 0) return output.keep + 1;
  if (output.save_every.steps > 0) return int64_t((steps - 1) / double(output.save_every.steps));
  if (output.save_every.seconds > 0 && seconds > 0)
    return int64_t(std::min(1e6, 1.2 * seconds / output.save_every.seconds));  // a slower run writes more
  return output.keep + 1;
}
}  // namespace

Budget budget_of_machine(DeviceType device) {
  if (device == DeviceType::cuda) {
    const std::vector<CudaDevice> gpus = cuda_devices();
    const CudaBudget budget = gpus.empty() ? CudaBudget{} : cuda_memory_budget(gpus.front());
    return {.bytes = budget.bytes, .reserve = budget.reserve};
  }
  const uint64_t available = available_memory(), reserve = uint64_t(double(available) * kReserve);
  return {.bytes = available - reserve, .reserve = reserve};
}

Budget budget_of(const Gpu& gpu) { return {.bytes = gpu.memory - gpu.reserve, .reserve = gpu.reserve}; }

Forecast forecast(const recipes::Recipe& recipe, const RunShape& run, const Weights& weights, Workload workload,
                  const Storage& storage, const Budget& budget, Stream* stream, const Gpu* gpu) {
  const Config& c = run.config;
  Forecast plan{
      .model = recipe.model.shape.empty() ? fs::path(recipe.model.path).filename().string() : recipe.model.shape,
      .family = std::string(c.family->name),
      .device = joined(gpu                              ? gpu->title
                       : run.device == DeviceType::cuda ? "GPU"
                                                        : "CPU",
                       ", ", run.load.dtype),
      .parameters = parameter_count(c),
      .layers = c.layers,
      .choice = choose_plan(run, weights, wanted_policy(recipe.training.recompute), budget.bytes),
      .budget = budget,
      .workload = std::move(workload),
      .rates = {},
      .gpu = gpu,
      .kernels = {},
      .disk = {},
      .base_format = run.load.quantize    ? "nf4"
                     : run.load.trainable ? joined(run.load.dtype)
                                          : "as stored",
      .result = run.load.trainable ? "model" : "adapter",
      .ways = {}};
  const Workload& load = plan.workload;
  const std::vector<data::Batch> sample =
      load.sample.empty() ? std::vector{blank_batch(load.largest_tokens, load.micro_batch_size)} : load.sample;
  if (gpu) {
    const Plan& chosen = plan.choice.plan;
    plan.kernels =
        kernels_of_step(*gpu, work_of_step(run, weights, chosen, {}), work_of_step(run, weights, chosen, sample),
                        load.micro_batches / double(sample.size()));
    for (const KernelTime& kernel : plan.kernels) plan.step_seconds += kernel.seconds, plan.step_flops += kernel.flops;
  } else if (stream) {
    plan.rates = measure(
        *stream, work_of_step(run, weights, plan.choice.plan, measured_batch(run, weights, plan.choice.plan, load)));
    plan.step_seconds =
        seconds_of_step(plan, run, weights, plan.choice.plan, sample, load.micro_batches) +
        host_seconds_of_step(run, weights, plan.choice.plan, sample) / double(sample.size()) * load.micro_batches;
    const Work work = work_of_step(run, weights, plan.choice.plan, sample);
    for (const Work::Call& call : work.calls())
      plan.step_flops += call.flops / double(sample.size()) * load.micro_batches;
  }
  plan.result_bytes = plan.bytes(Memory::trained);
  plan.disk = disk_of(storage, plan.result,
                      {.base = plan.bytes(Memory::base),
                       .result = plan.result_bytes,
                       .checkpoint = plan.bytes(Memory::optimizer),  // moments, and values in the place of gradients
                       .most_checkpoints = most_checkpoints(recipe.output, plan)});
  if (plan.step_seconds > 0) plan.disk.read_needed = storage.shard_token_bytes * load.step_tokens / plan.step_seconds;
  if (!plan.fits()) plan.ways = WaysOut(recipe, run, weights, plan).all();
  return plan;
}

}  // namespace hone::trainer
