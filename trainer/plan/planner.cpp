#include "trainer/plan/planner.h"

#include <algorithm>

#include "kernels/core/work.h"
#include "kernels/host/clock.h"
#include "kernels/host/median.h"
#include "kernels/host/text.h"
#include "trainer/evaluation/evaluate.h"
#include "trainer/generation/generate.h"
#include "trainer/train_loop.h"

namespace hone::trainer {

namespace {
// The run on the meta device, ready for its first step.
class MetaRun {
 public:
  MetaRun(const RunShape& run, const Weights& weights, const Plan& plan, std::vector<data::Batch> micro_batches)
      : stream_(Stream::meta(run.device)), model_(load_decoder(stream_, run.config, weights, run.load)) {
    stream_.set_attention_by_library(run.attention_by_library);
    if (run.adapter) {
      add_lora(stream_, model_, *run.adapter, true);
    } else if (run.lora) {
      add_lora(stream_, model_, *run.lora);
    }
    loop_.emplace(
        stream_, model_, [batches = std::move(micro_batches)](int64_t) { return batches; },
        TrainOptions{.optimizer = run.optimizer, .rate = [](int64_t) { return 0.0; }}, plan);
  }
  Stream& stream() { return stream_; }
  Decoder& model() { return model_; }
  TrainLoop& loop() { return *loop_; }

 private:
  Stream stream_;
  Decoder model_;
  std::optional<TrainLoop> loop_;
};
}  // namespace

Plan uniform_plan(const Config& config, Recompute how) {
  return {.recompute = std::vector(size_t(config.layers), how)};
}

std::string policy_text(const Plan& plan) {
  const auto count = [&](Recompute how) { return std::ranges::count(plan.recompute, how); };
  const auto full = count(Recompute::full), selective = count(Recompute::selective);
  if (full == 0 && selective == 0) return "nothing made again";
  if (full == 0) return "norms and SwiGLU made again";
  if (full == std::ssize(plan.recompute)) return "whole layers made again";
  return joined(selective > 0 ? "norms and SwiGLU made again, " : "", full, " of ", plan.recompute.size(),
                " layers whole");
}

data::Batch blank_batch(int64_t tokens, int64_t documents) {
  require(tokens <= INT32_MAX, ExitCode::usage, "a micro-batch of ", tokens,
          " tokens is more than a batch can hold; lower micro_batch_size or max_length");
  data::Batch batch{.tokens = std::vector<int32_t>(size_t(tokens), 0),
                    .positions = {},
                    .labels = std::vector<int32_t>(size_t(tokens), 0),
                    .starts = {0},
                    .rows = {},
                    .documents = documents,
                    .targets = tokens};
  for (int64_t d = 0; d < documents; ++d) {
    const auto end = int32_t(tokens * (d + 1) / documents);
    for (int32_t t = 0; t < end - batch.starts.back(); ++t) batch.positions.push_back(t);
    batch.starts.push_back(end), batch.rows.push_back(d);
  }
  return batch;
}

Usage predict(const RunShape& run, const Weights& weights, const Plan& plan) {
  MetaRun meta(run, weights, plan, {run.batch});
  meta.loop().step();
  if (const auto tokens = size_t(run.evaluation_tokens); tokens > 0) {
    const data::Row row{.tokens = std::vector<int32_t>(tokens, 0), .labels = std::vector<int32_t>(tokens, 0)};
    evaluate(meta.stream(), meta.model(), {row});
  }
  if (run.sample_tokens > 0) {
    KeyValueCache cache(meta.stream(), meta.model(), run.sample_tokens + kSampleTokens);
    cache.logits_after(meta.stream(), meta.model(), std::vector<int32_t>(size_t(run.sample_tokens), 0));
  }
  return meta.stream().allocator()->usage();
}

Work work_of_step(const RunShape& run, const Weights& weights, const Plan& plan,
                  const std::vector<data::Batch>& micro_batches) {
  MetaRun meta(run, weights, plan, micro_batches);
  Work work;
  meta.stream().count_into(&work);
  meta.loop().step();
  return work;
}

double host_seconds_of_step(const RunShape& run, const Weights& weights, const Plan& plan,
                            const std::vector<data::Batch>& micro_batches) {
  MetaRun meta(run, weights, plan, micro_batches);
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    const Stopwatch watch;
    meta.loop().step();
    times.push_back(watch.seconds());
  }
  return median(std::move(times));
}

Choice choose_plan(const RunShape& run, const Weights& weights, std::optional<Recompute> wanted, uint64_t budget) {
  const auto layers = size_t(run.config.layers);
  const auto tried = [&](const Plan& plan) {
    const Usage usage = predict(run, weights, plan);
    return Choice{plan, usage, budget == 0 || usage.peak <= budget};
  };
  if (wanted) return tried(uniform_plan(run.config, *wanted));
  const auto with_full = [&](size_t full) {
    Plan plan = uniform_plan(run.config, Recompute::selective);
    std::fill_n(plan.recompute.begin(), full, Recompute::full);
    return tried(plan);
  };
  if (const Choice none = tried(uniform_plan(run.config, Recompute::none)); none.fits) return none;
  Choice best = with_full(layers);
  if (!best.fits) return best;
  if (const Choice selective = with_full(0); selective.fits) return selective;
  size_t enough = layers, too_few = 0;  // more recomputed layers never need more
  while (enough - too_few > 1) {
    const size_t middle = (enough + too_few) / 2;
    const Choice choice = with_full(middle);
    if (choice.fits) best = choice;
    (choice.fits ? enough : too_few) = middle;
  }
  return best;
}

}  // namespace hone::trainer
