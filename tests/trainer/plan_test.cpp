// The plan beside the truth: what the meta device says a step will take, and what the CPU's allocator then counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/core/work.h"
#include "tests/support/environment.h"
#include "trainer/evaluation/evaluate.h"
#include "trainer/generation/generate.h"
#include "trainer/model/shapes.h"
#include "trainer/plan/memory.h"
#include "trainer/plan/planner.h"
#include "trainer/plan/timing.h"
#include "trainer/report/cells.h"
#include "trainer/run/planning.h"
#include "trainer/train_loop.h"

namespace hone::test {
namespace {

using namespace trainer;

Config small_config() {
  Config c;
  c.vocabulary = 500, c.width = 64, c.layers = 3, c.heads = 4, c.kv_heads = 2, c.head_dim = 16, c.mlp_width = 160;
  c.ropes = {{.channels = 16}};
  return c;
}

// Random values that say they are stored in 16 bits.
class Bfloat16Weights final : public Weights {
 public:
  explicit Bfloat16Weights(const Config& config) : random_(config, 1, 0.02) {}
  bool has(const std::string& name) const override { return random_.has(name); }
  void stream(const std::vector<WantedTensor>& wanted, const Take& take) const override {
    random_.stream(wanted, take);
  }
  bool stored_as_bfloat16(const std::string&) const override { return true; }

 private:
  RandomWeights random_;
};

struct Case {
  const char* name;
  int64_t tokens, documents;
  std::optional<LoraOptions> lora;
  bool nf4, bfloat16;
  Recompute policy;
  int64_t evaluation_tokens = 0, sample_tokens = 0;
  DType compute = DType::float32;
  OptimizerKind optimizer = OptimizerKind::adamw;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class PlannedMemory : public testing::TestWithParam<Case> {};

// The same run for real: two steps, with evaluation and an answer where the case has them.
Usage measured(const RunShape& run, const Weights& weights, const Plan& plan) {
  Stream stream = Stream::cpu(2);
  Decoder model = load_decoder(stream, run.config, weights, run.load);
  if (run.lora) add_lora(stream, model, *run.lora);
  TrainLoop loop(
      stream, model,
      [&](int64_t) {
        return std::vector{run.batch, run.batch};
      },
      {.optimizer = run.optimizer, .rate = [](int64_t) { return 1e-3; }}, plan);
  loop.step();
  if (const auto tokens = size_t(run.evaluation_tokens); tokens > 0)
    evaluate(stream, model, {{.tokens = std::vector<int32_t>(tokens, 1), .labels = std::vector<int32_t>(tokens, 2)}});
  if (run.sample_tokens > 0)
    generate(stream, model, std::vector<int32_t>(size_t(run.sample_tokens), 3), {.max_new_tokens = kSampleTokens});
  loop.step();
  return stream.allocator()->usage();
}

TEST_P(PlannedMemory, IsWhatARunTakes) {
  const Case& c = GetParam();
  const Bfloat16Weights narrow(small_config());
  const RandomWeights wide(small_config(), 1, 0.02);
  const Weights& weights = c.bfloat16 ? static_cast<const Weights&>(narrow) : wide;
  const RunShape run{.config = small_config(),
                     .load = {.dtype = c.compute, .quantize = c.nf4, .trainable = !c.lora},
                     .lora = c.lora,
                     .batch = blank_batch(c.tokens, c.documents),
                     .evaluation_tokens = c.evaluation_tokens,
                     .sample_tokens = c.sample_tokens,
                     .optimizer = c.optimizer};
  const Plan plan = uniform_plan(run.config, c.policy);
  const Usage planned = predict(run, weights, plan), real = measured(run, weights, plan);
  EXPECT_NEAR(double(planned.peak), double(real.peak), 0.02 * double(real.peak));
  for (const Usage& usage : {planned, real})
    EXPECT_EQ(std::accumulate(usage.peak_of.begin(), usage.peak_of.end(), size_t(0)), usage.peak);
  for (const Memory kind : {Memory::base, Memory::trained, Memory::optimizer, Memory::activations, Memory::loss})
    EXPECT_EQ(planned.peak_of[size_t(kind)], real.peak_of[size_t(kind)]) << kMemoryNames[size_t(kind)];
}

// What a family keeps and remakes is the plan's own walk, whatever the family.
TEST(PlannedFamilies, TakeWhatARunTakes) {
  for (const Family& family : kFamilies) {
    Json text{{"model_type", std::string(family.name)},
              {"vocab_size", 500},
              {"hidden_size", 64},
              {"intermediate_size", 160},
              {"num_hidden_layers", 3},
              {"num_attention_heads", 4},
              {"num_key_value_heads", 2},
              {"head_dim", 16},
              {"sliding_window", 24},
              {"query_pre_attn_scalar", 16},
              {"sliding_window_pattern", 2}};
    if (!family.text_config.empty())
      text = Json{{"model_type", std::string(family.name)}, {std::string(family.text_config), text}};
    const RunShape base{.config = read_config(JsonView(text, "config")),
                        .load = {.quantize = true},
                        .lora = LoraOptions{.rank = 4},
                        .batch = blank_batch(96, 3)};
    const RandomWeights weights(base.config, 1, 0.02);
    std::map<Recompute, size_t> activations;
    for (const Recompute policy : {Recompute::none, Recompute::selective, Recompute::full}) {
      SCOPED_TRACE(joined(family.name, ", ", int(policy)));
      const Plan plan = uniform_plan(base.config, policy);
      const Usage planned = predict(base, weights, plan), real = measured(base, weights, plan);
      EXPECT_NEAR(double(planned.peak), double(real.peak), 0.02 * double(real.peak));
      for (const Memory kind : {Memory::base, Memory::trained, Memory::optimizer, Memory::activations, Memory::loss})
        EXPECT_EQ(planned.peak_of[size_t(kind)], real.peak_of[size_t(kind)]) << kMemoryNames[size_t(kind)];
      activations[policy] = real.peak_of[size_t(Memory::activations)];
    }
    EXPECT_LT(activations[Recompute::selective], activations[Recompute::none]) << family.name;
    EXPECT_LT(activations[Recompute::full], activations[Recompute::selective]) << family.name;
  }
}

const LoraOptions kRank4{.rank = 4}, kRank32{.rank = 32}, kDropout{.rank = 8, .dropout = 0.1};
INSTANTIATE_TEST_SUITE_P(
    Runs, PlannedMemory,
    testing::Values(Case{"float32", 128, 1, kRank4, false, false, Recompute::none},
                    Case{"long", 1024, 1, kRank4, false, false, Recompute::none},
                    Case{"rank", 128, 1, kRank32, false, false, Recompute::none},
                    Case{"packed", 512, 9, kRank4, true, false, Recompute::none},
                    Case{"nf4", 256, 1, kDropout, true, true, Recompute::none},
                    Case{"nf4_selective", 256, 2, kDropout, true, true, Recompute::selective},
                    Case{"nf4_full", 256, 1, kDropout, true, true, Recompute::full},
                    Case{"bfloat16", 384, 3, kRank4, false, true, Recompute::none},
                    Case{"bfloat16_full", 384, 3, kRank32, false, true, Recompute::full},
                    Case{"everything", 256, 1, std::nullopt, false, false, Recompute::none},
                    Case{"everything_selective", 256, 1, std::nullopt, false, false, Recompute::selective},
                    Case{"everything_full", 256, 4, std::nullopt, false, false, Recompute::full},
                    Case{"computed_in_bfloat16", 256, 2, kDropout, true, true, Recompute::none, 0, 0, DType::bfloat16},
                    Case{"computed_in_bfloat16_full", 300, 1, kRank4, false, true, Recompute::full, 0, 0,
                         DType::bfloat16},
                    Case{"moments_in_8_bits", 256, 1, std::nullopt, false, false, Recompute::none, 0, 0, DType::float32,
                         OptimizerKind::adamw_8bit},
                    Case{"evaluated", 16, 1, kRank4, true, false, Recompute::full, 2048, 0},
                    Case{"answering", 16, 1, kRank4, true, false, Recompute::full, 0, 1500}),
    [](const auto& info) { return std::string(info.param.name); });

// Gradients of 4 bytes a parameter and two moments of a byte; a scale in 256, and each piece padded to 256.
TEST(Plan, MomentsIn8BitsTakeAQuarter) {
  RunShape run{.config = small_config(), .load = {.trainable = true}, .lora = {}, .batch = blank_batch(64)};
  const RandomWeights weights(run.config, 1, 0.02);
  const auto bytes = [&](Memory kind) {
    return double(predict(run, weights, uniform_plan(run.config, Recompute::none)).peak_of[size_t(kind)]);
  };
  EXPECT_NEAR(bytes(Memory::optimizer), 3 * bytes(Memory::trained), 64);
  run.optimizer = OptimizerKind::adamw_8bit;
  EXPECT_NEAR(bytes(Memory::optimizer), (1.5 + 2. / 256) * bytes(Memory::trained),
              4 * 64);  // five tensors, each padded
}

TEST(Plan, RecomputesAsLittleAsFits) {
  const RunShape run{
      .config = small_config(), .load = {.quantize = true}, .lora = LoraOptions{}, .batch = blank_batch(512)};
  const RandomWeights weights(run.config, 1, 0.02);
  const auto peak = [&](Recompute how) { return predict(run, weights, uniform_plan(run.config, how)).peak; };
  const auto chosen = [&](uint64_t budget) { return choose_plan(run, weights, {}, budget); };
  EXPECT_EQ(policy_text(chosen(0).plan), "nothing made again");
  EXPECT_EQ(policy_text(chosen(peak(Recompute::none)).plan), "nothing made again");
  EXPECT_EQ(policy_text(chosen(peak(Recompute::none) - 1).plan), "norms and SwiGLU made again");
  const Choice between = chosen(peak(Recompute::selective) - 1);
  EXPECT_TRUE(between.fits);
  EXPECT_EQ(policy_text(between.plan), "norms and SwiGLU made again, 1 of 3 layers whole");
  EXPECT_TRUE(chosen(peak(Recompute::full)).fits);
  const Choice too_small = chosen(peak(Recompute::full) - 1);
  EXPECT_FALSE(too_small.fits);
  EXPECT_EQ(too_small.usage.peak, peak(Recompute::full));
  EXPECT_FALSE(choose_plan(run, weights, Recompute::none, peak(Recompute::full)).fits);  // what was asked for, no other
}

// Totals as the models' pages on the Hugging Face hub give them (elements of all tensors; a tied head once).
TEST(Shapes, HaveThePublishedNumbersOfParameters) {
  const std::map<std::string, int64_t> published{{"llama-3.1-8b", 8030261248},   {"llama-3.1-70b", 70553706496},
                                                 {"llama-3.3-70b", 70553706496}, {"llama-3.2-1b", 1235814400},
                                                 {"llama-3.2-3b", 3212749824},   {"qwen2.5-0.5b", 494032768},
                                                 {"qwen2.5-1.5b", 1543714304},   {"qwen2.5-3b", 3085938688},
                                                 {"qwen2.5-7b", 7615616512},     {"qwen2.5-14b", 14770033664},
                                                 {"qwen2.5-32b", 32763876352},   {"qwen2.5-72b", 72706203648},
                                                 {"mistral-7b", 7248023552},     {"tinyllama-1.1b", 1100048384},
                                                 {"smollm2-135m", 134515008},    {"smollm2-360m", 361821120},
                                                 {"smollm2-1.7b", 1711376384},   {"qwen3-0.6b", 596049920},
                                                 {"qwen3-4b", 4022468096},       {"qwen3-8b", 8190735360},
                                                 {"qwen3-32b", 32762123264},     {"mistral-nemo-12b", 12247782400},
                                                 {"gemma-2-2b", 2614341888},     {"gemma-2-9b", 9241705984},
                                                 {"gemma-2-27b", 27227128320},   {"gemma-3-1b", 999885952},
                                                 {"phi-3.5-mini", 3821079552},   {"phi-4", 14659507200},
                                                 {"phi-4-mini", 3836021760},     {"olmo-2-7b", 7298617344}};
  EXPECT_EQ(shape_names().size(), published.size());
  for (const auto& [name, count] : published) EXPECT_EQ(parameter_count(shape_config(name)), count) << name;
  EXPECT_THROW(shape_config("llama-3.1-8bb"), Error);
}

// Llama-3.3-70B, r 16, one row of 4,096 tokens: bytes from the published sizes.
TEST(Forecast, SaysEachClassOfBytesOf70B) {
  recipes::Recipe recipe;
  recipe.model.shape = "llama-3.3-70b";
  recipe.data.max_length = 4096;
  const Workload load = workload_of(recipe);
  const RunShape run = run_shape(recipe, shape_config(recipe.model.shape), load);
  const auto planned = [&](double gib) {
    return forecast(recipe, run, ShapeWeights(), load, {}, {.bytes = uint64_t(gib * (1 << 30)), .asked = true},
                    nullptr);
  };
  const Forecast plan = planned(119);
  const double width = 8192, kv = 1024, mlp = 28672, layers = 80, vocabulary = 128256,
               linears = layers * (2 * width * width + 2 * width * kv + 3 * width * mlp),
               lora = layers * 16 * (2 * (width + width) + 2 * (width + kv) + 3 * (width + mlp));
  EXPECT_EQ(lora, 207093760);  // as PEFT counts them
  const double nf4 = linears * (0.5 + 1.0 / 64 + 4.0 / 64 / 256), ends = 2 * vocabulary * width * 2,
               norms = (2 * layers + 1) * width * 4;
  EXPECT_NEAR(double(plan.bytes(Memory::base)), nf4 + ends + norms, 1e-4 * nf4);
  EXPECT_NEAR(double(plan.bytes(Memory::trained)), 4 * lora, 1e-4 * lora);
  EXPECT_NEAR(double(plan.bytes(Memory::optimizer)), 12 * lora, 1e-4 * lora);
  EXPECT_TRUE(plan.fits());
  EXPECT_TRUE(planned(78).fits());
  size_t sum = 0;
  for (const size_t bytes : plan.choice.usage.peak_of) sum += bytes;
  EXPECT_EQ(sum, plan.choice.usage.peak);

  const Forecast small = planned(40);  // the base alone takes 36.8
  ASSERT_FALSE(small.fits());
  ASSERT_FALSE(small.ways.empty());
  for (const Way& way : small.ways) {
    if (!way.enough || way.set.empty()) continue;
    recipes::Recipe changed = recipe;
    const auto value = [&](const std::string& key, int64_t otherwise) {
      const size_t at = way.set.find(key + "=");
      return at == way.set.npos ? otherwise : std::stoll(way.set.substr(at + key.size() + 1));
    };
    changed.data.max_length = value("data.max_length", 4096), changed.adapter.r = value("adapter.r", 16);
    if (way.set.find("training.optimizer=adamw_8bit") != way.set.npos)
      changed.training.optimizer = recipes::OptimizerChoice::adamw_8bit;
    const Workload less = workload_of(changed);
    const RunShape shorter = run_shape(changed, run.config, less);
    EXPECT_TRUE(forecast(changed, shorter, ShapeWeights(), less, {}, small.budget, nullptr).fits()) << way.set;
  }
}

TEST(Forecast, KeepsItsLinesWithinTheTerminal) {
  recipes::Recipe recipe;
  recipe.model.shape = "llama-3.2-1b";
  recipe.training.micro_batch_size = 2;
  const Workload load = workload_of(recipe);
  const Forecast plan = forecast(recipe, run_shape(recipe, shape_config(recipe.model.shape), load), ShapeWeights(),
                                 load, {}, {.bytes = size_t(1) << 30, .asked = true}, nullptr);
  ASSERT_FALSE(plan.fits());
  for (const int columns : {20, 60, 80, 120})
    for (const bool utf8 : {true, false}) {
      const std::string text = plan.text({.width = columns, .utf8 = utf8});
      for (size_t at = 0, end = 0; (end = text.find('\n', at)) != text.npos; at = end + 1) {
        const std::string line = text.substr(at, end - at);
        EXPECT_LE(cells(line), columns) << line;
        EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
        EXPECT_TRUE(utf8 || std::ranges::all_of(line, [](char c) { return c >= ' '; })) << line;
      }
      // Colour says nothing that words do not, and no word is lost where a line is broken.
      std::string coloured = plan.text({.width = columns, .utf8 = utf8, .colour = true});
      EXPECT_NE(coloured.find("\x1b[31m"), coloured.npos);
      for (const char* code : {"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"})
        for (size_t at = 0; (at = coloured.find(code)) != coloured.npos;) coloured.erase(at, std::strlen(code));
      EXPECT_EQ(coloured, text);
      EXPECT_EQ(columns < 60 || text.find("training.gradient_accumulation_steps=") != text.npos, true) << text;
    }
}

TEST(Disk, CountsWhatIsWrittenAndWhatLacks) {
  const TemporaryFolder folder;
  const fs::path run = folder / "runs/a";
  Storage storage;
  storage.run = run, storage.shards = folder / "shards", storage.base_cache = folder / "base-cache";
  storage.shard_bytes = 1000, storage.keep = 3;
  const RunBytes bytes{.base = 5000, .result = 10, .checkpoint = 30, .most_checkpoints = 9};
  const Disk first = disk_of(storage, "adapter", bytes);
  EXPECT_EQ(first.needed, 1000 + 5000 + 4 * 30 + 10u);  // one more is written before an old one goes
  EXPECT_TRUE(first.one_more);
  EXPECT_EQ(first.lacking, 0u);
  EXPECT_GT(first.free, 0u);

  storage.shards_there = storage.base_cache_there = true, storage.checkpoints_there = 90;
  EXPECT_EQ(disk_of(storage, "adapter", bytes).needed, 30 + 10u);
  const Disk few = disk_of(storage, "adapter", {.base = 5000, .result = 10, .checkpoint = 30, .most_checkpoints = 0});
  EXPECT_EQ(few.checkpoints, 1);  // of a run that is stopped
  EXPECT_FALSE(few.one_more);

  // More than is free: of what the run needs, and of what it does without.
  const uint64_t much = uint64_t(1) << 60;
  const Disk large = disk_of(storage, "model", {.base = 5000, .result = much, .checkpoint = 0});
  EXPECT_NEAR(double(large.lacking), double(much - large.free), 1e9);
  storage.base_cache_there = false;
  const Disk cache = disk_of(storage, "adapter", {.base = much, .result = 10, .checkpoint = 30});
  EXPECT_EQ(cache.lacking, 0u);
  EXPECT_NEAR(double(cache.lacking_for_all), double(much - cache.free), 1e9);
}

TEST(Disk, ReadsPastThePageCache) {
  const TemporaryFolder folder;
  EXPECT_GT(read_rate_of(folder.write("a.h5", std::string(300000, 'x'))), 0);
  EXPECT_EQ(read_rate_of(folder.write("empty.h5", "")), 0);
}

// The products of a step of one Llama block by hand. Frozen weights: forward, and on the way back for their input,
// except q, k and v, whose input is the embedding and asks for no gradient. The adapter's: forward, and back for
// their inputs (again not the embedding) and for themselves. The head: forward and for its input.
TEST(Work, CountsTheProductsOfAStep) {
  Config c = small_config();
  c.layers = 1;
  const int64_t tokens = 96, rank = 4, kv = c.kv_heads * c.head_dim, q = c.heads * c.head_dim;
  const RunShape run{.config = c, .load = {}, .lora = LoraOptions{.rank = rank}, .batch = blank_batch(tokens)};
  const Work work = work_of_step(run, RandomWeights(c, 1, 0.02), uniform_plan(c, Recompute::none), {run.batch});
  const int64_t frozen = c.width * q + 2 * c.width * kv + q * c.width + 3 * c.width * c.mlp_width,
                first = c.width * q + 2 * c.width * kv, head = c.vocabulary * c.width,
                a = rank * (3 * c.width + q + 2 * c.width + c.mlp_width),
                b = rank * (q + 2 * kv + c.width + 2 * c.mlp_width + c.width), first_a = rank * 3 * c.width;
  double products = 0, attention = 0;
  for (const Work::Call& call : work.calls()) {
    if (call.op == "gemm") products += call.flops;
    if (call.op.starts_with("attention")) attention += call.flops;
  }
  EXPECT_EQ(products, 2.0 * double(tokens * (2 * frozen - first + 2 * head + 3 * (a + b) - first_a)));
  EXPECT_EQ(attention, 9 * double(tokens * (tokens + 1) * q));  // two products, and back seven: the heads are few
}

TEST(Rates, AreMeasuredByRunningTheStepsOwnKernels) {
  const RunShape run{.config = small_config(), .load = {.quantize = true}, .lora = kDropout, .batch = blank_batch(64)};
  const RandomWeights weights(run.config, 1, 0.02);
  Stream stream = Stream::cpu(1);
  const Plan plan = uniform_plan(run.config, Recompute::full);
  const Work one = work_of_step(run, weights, plan, {run.batch}),
             three = work_of_step(run, weights, plan, {run.batch, run.batch, run.batch}),
             none = work_of_step(run, weights, plan, {});
  const Rates rates = measure(stream, one, 0.5);
  EXPECT_GT(rates.matrix_flops(), 0);
  EXPECT_GT(rates.memory_bytes(), 0);
  const double micro = rates.seconds(one) - rates.seconds(none);
  EXPECT_GT(micro, 0);
  EXPECT_NEAR(rates.seconds(three), rates.seconds(none) + 3 * micro, 1e-6 * rates.seconds(three));
  EXPECT_EQ(stream.allocator()->usage().live, 0u);
}

}  // namespace
}  // namespace hone::test
