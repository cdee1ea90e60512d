#include "trainer/run/benchmark.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/core/cuda/device.h"
#include "kernels/core/random.h"
#include "kernels/host/clock.h"
#include "kernels/host/median.h"
#include "kernels/host/text.h"
#include "trainer/machine/rates.h"
#include "trainer/model/shapes.h"
#include "trainer/report/lines.h"
#include "trainer/train_loop.h"

namespace hone::trainer {

namespace {
constexpr double kDeviation = 0.02;  // of the weights
constexpr uint16_t kTokens = 201;    // what the random numbers are for

// Random tokens with what follows them as labels: documents like those of the planned batch.
data::Batch random_batch(const data::Batch& planned, int64_t vocabulary, uint64_t seed, int64_t step) {
  data::Batch batch = planned;
  const RandomKey key = RandomKey{.seed = seed, .step = uint32_t(step)}.at(0, kTokens);
  for (size_t t = 0; t < batch.tokens.size(); ++t)
    batch.tokens[t] = int32_t(random_block(key, uint32_t(t))[0] % uint64_t(vocabulary));
  for (size_t d = 0; d + 1 < batch.starts.size(); ++d)
    for (int32_t t = batch.starts[d]; t < batch.starts[d + 1]; ++t)
      batch.labels[size_t(t)] = t + 1 < batch.starts[d + 1] ? batch.tokens[size_t(t) + 1] : data::kNotLearned;
  batch.targets = std::ranges::count_if(batch.labels, [](int32_t label) { return label >= 0; });
  return batch;
}

std::string number(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}
std::string flops_text(double flops) {
  return flops >= 1e12 ? number("%.0f TF/s", flops * 1e-12) : number("%.0f GF/s", flops * 1e-9);
}
std::string machine_text(const Benchmark::Machine& rates) {
  return flops_text(rates.matrix_flops) + number(" and %.0f GB/s", rates.memory_bytes * 1e-9);
}
std::string seconds_text(double seconds) { return number(seconds < 10 ? "%.3f s" : "%.1f s", seconds); }

// Small enough to stand beside a model that leaves nothing else.
Benchmark::Machine machine_of(Stream& stream, DType dtype) {
  constexpr size_t kMost = size_t(512) << 20;
  constexpr double kSeconds = 0.4;
  return {matrix_rate(stream, dtype, kMost, kSeconds).flops, copy_rate(stream, kMost, kSeconds)};
}

// Trains the planned steps; the model is gone afterwards.
void train(Stream& stream, const Weights& weights, const RunShape& run, const recipes::TrainingSection& training,
           const BenchmarkOptions& options, Benchmark& result, const std::function<void(const std::string&)>& say) {
  Decoder model = load_decoder(stream, run.config, weights, run.load);
  if (run.lora) add_lora(stream, model, *run.lora);
  const auto seed = uint64_t(training.seed);
  TrainLoop loop(
      stream, model,
      [&](int64_t step) { return std::vector{random_batch(run.batch, run.config.vocabulary, seed, step)}; },
      {.seed = seed, .rate = [rate = training.learning_rate](int64_t) { return rate; }}, result.plan.choice.plan);
  stream.allocator()->reset_peak();
  for (int64_t i = 0; i < options.warm_up + options.steps; ++i) {
    const Stopwatch watch;
    const StepReport report = loop.step();  // waits for the device
    const double seconds = watch.seconds();
    require(report.finite, ExitCode::numerical, "step ", report.step, ": the loss is not a finite number");
    if (i == 0) result.first_loss = report.loss;
    result.last_loss = report.loss;
    if (i >= options.warm_up) result.seconds.push_back(seconds);
    if (i + 1 == options.warm_up) say(joined(options.warm_up, " steps to warm up, the last ", seconds_text(seconds)));
  }
  result.peak = stream.allocator()->usage().peak;
}
}  // namespace

double Benchmark::step_seconds() const {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0) / double(seconds.size());
}
double Benchmark::matrix_share() const {
  return plan.step_flops / step_seconds() / std::max(before.matrix_flops, after.matrix_flops);
}

std::string Benchmark::note() const {
  for (const Machine& rates : {before, after})
    if (rates.matrix_flops < reach.least_matrix || rates.memory_bytes < reach.least_copy)
      return "the machine gave less than it should: throttled, or shared? hone doctor says more";
  return "";
}

std::string Benchmark::text(const DisplayStyle& style) const {
  const auto [least, most] = std::ranges::minmax(seconds);
  const double step = step_seconds(), expected = plan.step_seconds;
  const auto tokens_text = [&](double each) {
    const double rate = double(tokens) / each;
    return (rate < 10 ? number("%.2f", rate) : with_commas(std::llround(rate))) + " tokens/s";
  };
  Lines lines(style);
  lines.add("model", {plan.model, number("%.2f B parameters", double(plan.parameters) * 1e-9),
                      joined(plan.layers, " layers"), "base " + plan.base_format, adapter, plan.device});
  lines.add("step", {joined(with_commas(tokens), " tokens in ", documents, documents == 1 ? " document" : " documents"),
                     policy_text(plan.choice.plan)});
  lines.add("time", {joined(seconds.size(), " steps after ", warm_up), seconds_text(step) + " each",
                     "median " + seconds_text(median(seconds)), seconds_text(least) + " to " + seconds_text(most)});
  lines.add("speed", {{tokens_text(step), kGreen},
                      flops_text(plan.step_flops / step),
                      number("%.0f %% of the matrix rate", 100 * matrix_share())});
  lines.add("expected", {tokens_text(expected), seconds_text(expected) + " a step",
                         plan.gpu ? joined("by the roofline of ", plan.gpu->title) : "its kernels measured one by one",
                         number("a step took %.2f times that", step / expected)});
  lines.add("memory", {bytes_text(peak) + " peak", bytes_text(plan.choice.usage.peak) + " planned"});
  lines.add("machine", {machine_text(before) + " before", machine_text(after) + " after",
                        note().empty() ? Piece("") : Piece(note(), kYellow)});
  lines.add("loss", {number("%.4f", first_loss) + " → " + number("%.4f", last_loss)});
  return lines.text();
}

OrderedJson Benchmark::json() const {
  const auto rates = [](const Machine& r) {
    return OrderedJson{{"matrix_flops_per_second", r.matrix_flops}, {"memory_bytes_per_second", r.memory_bytes}};
  };
  OrderedJson result{{"model", plan.model},
                     {"parameters", plan.parameters},
                     {"device", plan.device},
                     {"base", plan.base_format},
                     {"adapter", adapter},
                     {"recompute", policy_text(plan.choice.plan)},
                     {"tokens_per_step", tokens},
                     {"documents_per_step", documents},
                     {"warm_up_steps", warm_up},
                     {"step_seconds", seconds},
                     {"mean_step_seconds", step_seconds()},
                     {"median_step_seconds", median(seconds)},
                     {"tokens_per_second", tokens_per_second()},
                     {"flops_per_step", plan.step_flops},
                     {"matrix_share", matrix_share()},
                     {"expected_step_seconds", plan.step_seconds},
                     {"expected_tokens_per_second", double(tokens) / plan.step_seconds},
                     {"expected_by", plan.gpu ? joined("roofline ", plan.gpu->name) : "measured kernels"},
                     {"peak_bytes", peak},
                     {"planned_peak_bytes", plan.choice.usage.peak},
                     {"machine_before", rates(before)},
                     {"machine_after", rates(after)},
                     {"first_loss", first_loss},
                     {"last_loss", last_loss}};
  if (!note().empty()) result["note"] = note();
  return result;
}

Benchmark benchmark(const recipes::Recipe& recipe, const BenchmarkOptions& options,
                    const std::function<void(const std::string&)>& say) {
  require(options.steps > 0 && options.warm_up >= 0, ExitCode::usage, "at least one step must be measured");
  const bool load = !recipe.model.path.empty() && recipe.model.weights == recipes::WeightsFrom::load;
  std::optional<Base> base;
  if (!recipe.model.path.empty()) base.emplace(recipe.model.path);
  const Config config = base ? base->config : shape_config(recipe.model.shape);
  Stream stream = make_stream(recipe.model);
  stream.set_attention_by_library(attention_by_library(recipe));
  std::unique_ptr<Weights> weights;
  if (load)
    weights = weights_of(recipe, *base);
  else
    weights = std::make_unique<RandomOnDevice>(stream, config, uint64_t(recipe.training.seed), kDeviation);

  const Workload work = workload_of(recipe);
  const RunShape run = run_shape(recipe, config, work);
  std::optional<CudaDevice> device;
  if (run.device == DeviceType::cuda) device = cuda_devices().front();
  Benchmark result{.plan = forecast(recipe, run, *weights, work, {},
                                    options.memory > 0 ? Budget{.bytes = options.memory, .asked = true}
                                                       : budget_of_machine(run.device),
                                    &stream, device ? gpu_within(device->name) : nullptr),
                   .adapter = run.lora ? joined("r ", run.lora->rank) : "every parameter",
                   .seconds = {},
                   .tokens = std::ssize(run.batch.tokens),
                   .documents = run.batch.documents,
                   .warm_up = options.warm_up,
                   .before = machine_of(stream, run.load.dtype),
                   .after = {},
                   .reach = device ? reach_of(*device) : Reach{}};
  const Forecast& plan = result.plan;
  require(plan.fits(), ExitCode::memory, "this needs ", bytes_text(plan.choice.usage.peak), ", ",
          bytes_text(plan.budget.bytes), " can be used; nothing was started. Take fewer tokens, or recompute more");
  say(joined(load ? "loading " : "making ", plan.model, ": ", bytes_text(plan.bytes(Memory::base)), " base, ",
             bytes_text(plan.choice.usage.peak), " in all planned"));
  train(stream, *weights, run, recipe.training, options, result, say);
  result.after = machine_of(stream, run.load.dtype);
  return result;
}

}  // namespace hone::trainer
