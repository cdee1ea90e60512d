// Whole training steps on every device: a small model with LoRA on a base in 16 and in 4 bits, packed rows, in
// bfloat16. What each op's own test cannot show: that they fit together, that memory is what was planned, that
// nothing depends on when the device does its work.
#include <cmath>

#include "tests/support/devices.h"
#include "tests/support/framed.h"
#include "trainer/generation/generate.h"
#include "trainer/plan/memory.h"
#include "trainer/plan/planner.h"
#include "trainer/train_loop.h"

namespace hone::test {
namespace {

using namespace trainer;

class TrainingStep : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, TrainingStep, each_device(), device_name);

constexpr int kSteps = 3;

Config config() {
  Config c;
  c.vocabulary = 96, c.width = 64, c.layers = 2, c.heads = 4, c.kv_heads = 2, c.head_dim = 16, c.mlp_width = 104;
  c.eps = 1e-5;
  c.ropes = {{.channels = 16}};
  return c;
}

// What families add to a Llama: all norms, soft caps, windows, GeGLU and a scaled embedding; norms of each head and two
// ropes; fused projections, a part of the channels that turns, longrope; norms behind only, of all heads at once.
constexpr const char* kOtherFamilies[] = {
    R"({"model_type": "gemma2", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 96,
        "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 104, "sliding_window": 9,
        "query_pre_attn_scalar": 16, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 4.0})",
    R"({"model_type": "gemma3_text", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "vocab_size": 96, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 104, "sliding_window": 9,
        "query_pre_attn_scalar": 16, "sliding_window_pattern": 2})",
    R"({"model_type": "phi3", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 96,
        "num_key_value_heads": 2, "intermediate_size": 104, "sliding_window": 20, "partial_rotary_factor": 0.5,
        "original_max_position_embeddings": 30, "max_position_embeddings": 120,
        "rope_scaling": {"type": "longrope", "short_factor": [1, 1.1, 1.2, 1.3], "long_factor": [1, 2, 3, 4]}})",
    R"({"model_type": "olmo2", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 96,
        "num_key_value_heads": 2, "intermediate_size": 104})",
};
Config family_config(const char* text) {
  const Json json = parse_json(text, "family");
  return read_config(JsonView(json, "family"));
}

// Documents of 37, 1 and 26 tokens in one row; of the second nothing is learned.
data::Batch batch(uint64_t seed) {
  data::Batch made{
      .tokens = {}, .positions = {}, .labels = {}, .starts = {0}, .rows = {}, .documents = 3, .targets = 0};
  const Values drawn = random_values(64, seed, 0, 96);
  for (const int32_t length : {37, 1, 26}) {
    for (int32_t t = 0; t < length; ++t) {
      made.tokens.push_back(int32_t(drawn[made.tokens.size()]));
      made.positions.push_back(t);
      const bool learned = t > 4 && made.tokens.size() < 64;
      made.labels.push_back(learned ? int32_t(drawn[made.tokens.size()]) : -1);
      made.targets += learned;
    }
    made.starts.push_back(int32_t(made.tokens.size()));
    made.rows.push_back(int64_t(made.rows.size()));
  }
  return made;
}

RunShape shape_of(bool nf4, DeviceType device, double dropout = 0) {
  return {.config = config(),
          .load = {.dtype = DType::bfloat16, .quantize = nf4, .double_quantization = true, .trainable = false},
          .lora = LoraOptions{.rank = 8, .alpha = 16, .dropout = dropout},
          .batch = batch(1),
          .device = device};
}

struct Course {
  std::vector<double> losses, norms;
  Values adapters;  // every trained value at the end
  Usage usage;
};

Course run(Stream& stream, const RunShape& shape, Recompute policy = Recompute::none) {
  const RandomWeights weights(shape.config, 3, 0.3);
  Decoder model = load_decoder(stream, shape.config, weights, shape.load);
  add_lora(stream, model, *shape.lora);
  TrainLoop loop(
      stream, model,
      [](int64_t step) {
        return std::vector{batch(1), batch(uint64_t(step + 2))};
      },
      {.seed = 5, .adamw = {.max_norm = 1}, .optimizer = shape.optimizer, .rate = [](int64_t) { return 1e-2; }},
      uniform_plan(shape.config, policy));
  Course course;
  for (int i = 0; i < kSteps; ++i) {
    const StepReport report = loop.step();
    EXPECT_TRUE(report.finite);
    course.losses.push_back(report.loss), course.norms.push_back(report.gradient_norm);
  }
  course.adapters = values_of(loop.parameters().values());
  course.usage = stream.allocator()->usage();
  return course;
}

TEST_P(TrainingStep, GoesTheWayOfTheCpu) {
  for (const bool nf4 : {false, true}) {
    SCOPED_TRACE(nf4 ? "4 bits" : "16 bits");
    Stream cpu = Stream::cpu(2);
    const Course expected = run(cpu, shape_of(nf4, DeviceType::cpu)),
                 course = run(stream(), shape_of(nf4, stream().target()));
    EXPECT_LT(relative_error(course.losses, expected.losses), kBfloat16);
    EXPECT_LT(relative_error(course.norms, expected.norms), kBfloat16Model);
    EXPECT_LT(course.losses.back(), course.losses.front()) << "nothing was learned";
  }
}

// Slow where kernels are executed on the CPU: three quarters of a minute an order of threads.
TEST_P(TrainingStep, SlowOfEveryFamilyGoesTheWayOfTheCpuUnderEveryPolicyInThePlannedMemory) {
  for (const char* const text : kOtherFamilies) {
    RunShape shape = shape_of(true, stream().target(), 0.1), on_cpu = shape_of(true, DeviceType::cpu, 0.1);
    shape.config = on_cpu.config = family_config(text);
    SCOPED_TRACE(shape.config.family->name);
    Stream cpu = Stream::cpu(2);
    const Course expected = run(cpu, on_cpu), course = run(stream(), shape);
    EXPECT_LT(relative_error(course.losses, expected.losses), kBfloat16);
    EXPECT_LT(relative_error(course.norms, expected.norms), kBfloat16Model);
    EXPECT_LT(course.losses.back(), course.losses.front()) << "nothing was learned";
    for (const Recompute policy : {Recompute::none, Recompute::selective, Recompute::full}) {
      Stream own = on_cuda() ? Stream::cuda() : Stream::cpu(2);
      const Course again = run(own, shape, policy);
      EXPECT_EQ(again.losses, course.losses);
      EXPECT_EQ(again.norms, course.norms);
      EXPECT_EQ(again.adapters, course.adapters);
      const Usage planned = predict(shape, RandomWeights(shape.config, 3, 0.3), uniform_plan(shape.config, policy));
      EXPECT_NEAR(double(planned.peak), double(again.usage.peak), 0.02 * double(again.usage.peak));
      EXPECT_EQ(planned.peak_of[size_t(Memory::base)], again.usage.peak_of[size_t(Memory::base)]);
    }
  }
}

TEST_P(TrainingStep, LearnsWithMomentsIn8Bits) {
  Stream cpu = Stream::cpu(2);
  RunShape shape = shape_of(true, stream().target());
  const Course wide = run(stream(), shape);
  Stream own = on_cuda() ? Stream::cuda() : Stream::cpu(2);  // a peak of its own
  shape.optimizer = OptimizerKind::adamw_8bit;
  const Course course = run(own, shape), expected = run(cpu, shape);
  EXPECT_LT(relative_error(course.losses, expected.losses), kBfloat16);
  EXPECT_LT(relative_error(course.losses, wide.losses), kBfloat16Model);
  EXPECT_NE(course.adapters, wide.adapters);
  EXPECT_LT(course.usage.peak_of[size_t(Memory::optimizer)], wide.usage.peak_of[size_t(Memory::optimizer)]);
}

TEST_P(TrainingStep, SameBitsAgainAndUnderEveryPolicy) {
  const RunShape shape = shape_of(true, stream().target(), 0.1);
  const Course first = run(stream(), shape);
  for (const Recompute policy : {Recompute::none, Recompute::selective, Recompute::full}) {
    const Course again = run(stream(), shape, policy);
    EXPECT_EQ(again.losses, first.losses);
    EXPECT_EQ(again.norms, first.norms);
    EXPECT_EQ(again.adapters, first.adapters);
  }
}

TEST_P(TrainingStep, TakesThePlannedMemory) {
  const RunShape shape = shape_of(true, stream().target());
  for (const Recompute policy : {Recompute::none, Recompute::full}) {
    Stream own = on_cuda() ? Stream::cuda() : Stream::cpu(2);
    const Usage planned = predict(shape, RandomWeights(shape.config, 3, 0.3), uniform_plan(shape.config, policy)),
                real = run(own, shape, policy).usage;
    EXPECT_NEAR(double(planned.peak), double(real.peak), 0.02 * double(real.peak));
  }
}

// Token by token over the cache gives what the whole text gives.
TEST_P(TrainingStep, AnswersFromTheCacheAsFromTheText) {
  const RunShape shape = shape_of(true, stream().target());
  const RandomWeights weights(shape.config, 3, 0.3);
  const Decoder model = load_decoder(stream(), shape.config, weights, shape.load);
  const std::vector<int32_t> prompt{5, 17, 3, 88, 41, 7, 9};
  KeyValueCache whole(stream(), model, 16), steps(stream(), model, 16);
  const Values expected = whole.logits_after(stream(), model, prompt);
  Values last;
  for (size_t read = prompt.size() - 3; read <= prompt.size(); ++read)
    last = steps.logits_after(stream(), model, std::span(prompt).first(read));
  EXPECT_LT(relative_error(last, expected), kBfloat16Model);
}

}  // namespace
}  // namespace hone::test
