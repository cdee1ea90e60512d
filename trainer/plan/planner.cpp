#include "trainer/plan/planner.h"

#include <algorithm>

#include "kernels/host/text.h"
#include "trainer/train_loop.h"

namespace hone::trainer {

Plan uniform_plan(const Config& config, Recompute how) {
  return {.recompute = std::vector(size_t(config.layers), how)};
}

Usage predict(const RunShape& run, const Weights& weights, const Plan& plan) {
  Stream meta = Stream::meta();
  Decoder model = load_decoder(meta, run.config, weights, run.load);
  if (run.lora) add_lora(meta, model, *run.lora);
  TrainLoop loop(
      meta, model, [&](int64_t) { return std::vector{run.batch}; }, {.rate = [](int64_t) { return 0.0; }}, plan);
  loop.step();
  loop.step();
  return meta.allocator()->usage();
}

Plan choose_plan(const RunShape& run, const Weights& weights, uint64_t budget) {
  const auto layers = size_t(run.config.layers);
  const auto fits = [&](const Plan& plan) { return predict(run, weights, plan).peak <= budget; };
  const auto with_full = [&](size_t full) {
    Plan plan = uniform_plan(run.config, Recompute::selective);
    std::fill_n(plan.recompute.begin(), full, Recompute::full);
    return plan;
  };
  if (const Plan none = uniform_plan(run.config, Recompute::none); fits(none)) return none;
  if (const Plan all = with_full(layers); !fits(all))
    fail(ExitCode::memory, "[plan] the run needs ", bytes_text(predict(run, weights, all).peak),
         " with every layer recomputed, ", bytes_text(budget),
         " are free; use a smaller data.max_length, training.micro_batch_size or adapter.r");
  size_t enough = layers, too_few = 0;  // more recomputed layers never need more
  if (fits(with_full(0))) return with_full(0);
  while (enough - too_few > 1) {
    const size_t middle = (enough + too_few) / 2;
    (fits(with_full(middle)) ? enough : too_few) = middle;
  }
  return with_full(enough);
}

}  // namespace hone::trainer
