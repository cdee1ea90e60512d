// Small random Llamas beside transformers, peft and torch (tests/golden/README.md): logits, losses, greedy tokens,
// every LoRA gradient, every gradient of full training, ten optimiser steps. In float32, in float64 and in bfloat16,
// over the same kernels, tape and loop.
#include <cstring>
#include <numeric>

#include "checkpoints/formats/peft.h"
#include "kernels/elementwise/elementwise.h"
#include "tests/trainer/golden_model.h"
#include "trainer/model/batch.h"
#include "trainer/model/load.h"
#include "trainer/model/lora.h"
#include "trainer/optim/schedule.h"
#include "trainer/train_loop.h"

namespace hone::test {
namespace {

using namespace hone::trainer;

class GoldenModel : public testing::TestWithParam<GoldenCase> {};

TEST_P(GoldenModel, LogitsAndLossesEqualTransformers) { expect_logits_and_losses(GetParam()); }

TEST_P(GoldenModel, EveryLoraGradientEqualsPeft) { expect_lora_gradients(GetParam()); }

TEST_P(GoldenModel, GreedyTokensEqualTransformers) { expect_greedy_tokens(GetParam()); }

constexpr auto kModels = {"tied",   "untied", "llama3_rope", "biases",       "head_dim",
                          "packed", "nf4",    "nf4_double",  "bf16_sharded", "f16"};
std::vector<GoldenCase> cases() {
  std::vector<GoldenCase> all;
  for (const char* name : kModels)
    for (const DType dtype : {DType::float32, DType::float64}) all.push_back({joined("models/", name), dtype});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Llama, GoldenModel, testing::ValuesIn(cases()), case_name);

// bfloat16 activations and weights beside transformers in float32: greedy tokens may differ where two are as likely.
TEST(GoldenBfloat16, LogitsLossesAndLoraGradientsAreNear) {
  for (const char* name : kModels) {
    SCOPED_TRACE(name);
    expect_logits_and_losses({joined("models/", name), DType::bfloat16});
    expect_lora_gradients({joined("models/", name), DType::bfloat16});
  }
}

class GoldenFull : public testing::TestWithParam<GoldenCase> {};

TEST_P(GoldenFull, EveryGradientEqualsTorch) {
  Golden g(GetParam().name, GetParam().dtype, true);
  const checkpoints::SafetensorsFile arrays(g.folder / "expected_full.safetensors");
  autograd::ParameterSet parameters(g.stream, g.model.parameters());
  Tensor one(g.stream, {1}, wide_of(g.model.dtype));
  kernels::fill(g.stream, one, 1);
  for (size_t r = 0; r < g.rows.size(); ++r) {
    Tape tape(g.stream);
    const DeviceBatch batch = g.batch(r);
    tape.backward(Supervised{}.summed_loss(tape, g.model, batch, {}).slot(), one);
  }
  ASSERT_EQ(parameters.trainable().size(), arrays.tensors().size());
  for (const ParameterPtr& p : parameters.trainable())
    EXPECT_LT(relative_error(values_of(p->grad), doubles(arrays, "gradient." + p->name)),
              GetParam().gradient_tolerance())
        << p->name;
}
INSTANTIATE_TEST_SUITE_P(
    Llama, GoldenFull,
    testing::Values(GoldenCase{"models/tied", DType::float32}, GoldenCase{"models/tied", DType::float64},
                    GoldenCase{"models/untied", DType::float32}, GoldenCase{"models/untied", DType::float64},
                    GoldenCase{"models/tied", DType::bfloat16}, GoldenCase{"models/untied", DType::bfloat16}),
    case_name);

// Ten steps of the real loop: batches, accumulation, clipping, schedule, AdamW.
class TenSteps : public testing::TestWithParam<GoldenCase> {};

TEST_P(TenSteps, EqualTransformersTrainer) {
  const bool lora = GetParam().name == "lora", wide = GetParam().dtype == DType::float64;
  const fs::path folder = golden("training/" + GetParam().name);
  const Json expected = read_json(folder / "expected.json");
  const Json& s = expected.at("settings");
  Stream stream = Stream::cpu(2);
  const checkpoints::ModelDirectory directory(golden(expected.at("model").get<std::string>()));
  Decoder model = load_decoder(stream, read_config(JsonView(directory.config(), "config.json")),
                               DirectoryWeights(directory), {.dtype = GetParam().dtype, .trainable = !lora});
  if (lora) add_lora(stream, model, checkpoints::read_adapter(golden(expected.at("adapter").get<std::string>())), true);

  std::vector<data::Row> rows;
  std::istringstream lines(read_text(folder / "rows.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    rows.push_back(row_of(row.at("input_ids").get<std::vector<int32_t>>(), row.at("labels").get<std::vector<int32_t>>(),
                          int64_t(rows.size())));
  }
  const data::Batches batches(rows, {.max_length = 1 << 20,
                                     .packing = false,
                                     .shuffle = false,
                                     .micro_batch_size = s.at("micro_batch_size").get<int64_t>(),
                                     .accumulation = s.at("gradient_accumulation_steps").get<int64_t>()});
  const RateOptions rate{.schedule = Schedule::cosine,
                         .peak = s.at("learning_rate").get<double>(),
                         .warmup_steps = s.at("warmup_steps").get<int64_t>(),
                         .total_steps = s.at("max_steps").get<int64_t>()};
  TrainLoop loop(stream, model, [&](int64_t step) { return batches.step(step); },
                 {.adamw = {.beta1 = s.at("adam_beta1").get<double>(),
                            .beta2 = s.at("adam_beta2").get<double>(),
                            .eps = s.at("adam_epsilon").get<double>(),
                            .decay = s.at("weight_decay").get<double>(),
                            .max_norm = s.at("max_grad_norm").get<double>()},
                  .rate = [rate](int64_t step) { return rate_at(rate, step); }},
                 {});
  const Json& steps = expected.at(wide ? "float64" : "float32");
  ASSERT_EQ(steps.size(), 10u);
  for (const Json& step : steps) {
    const StepReport report = loop.step();
    EXPECT_EQ(report.step, step.at("step").get<int64_t>());
    EXPECT_EQ(report.targets, step.at("target_tokens").get<int64_t>());
    EXPECT_NEAR(report.learning_rate, step.at("learning_rate").get<double>(), 1e-15);
    const double tolerance = GetParam().dtype == DType::float32 ? kLossCurve : GetParam().tolerance();
    EXPECT_NEAR(report.loss / step.at("loss").get<double>(), 1, tolerance) << "step " << report.step;
    EXPECT_NEAR(report.gradient_norm / step.at("grad_norm").get<double>(), 1, tolerance) << "step " << report.step;
  }
  // Where float32 ends is compared in float64 only: AdamW divides by the root of tiny second moments.
  if (!wide) return;
  const checkpoints::SafetensorsFile last(folder / "final_float64.safetensors");
  for (const ParameterPtr& p : loop.parameters().trainable()) {
    std::string name = p->name;
    if (lora) name = "base_model.model." + name + ".weight";
    EXPECT_LT(relative_error(values_of(p->value), doubles(last, name)), kFloat64Model) << name;
  }
}
INSTANTIATE_TEST_SUITE_P(Run, TenSteps,
                         testing::Values(GoldenCase{"lora", DType::float32}, GoldenCase{"lora", DType::float64},
                                         GoldenCase{"full", DType::float32}, GoldenCase{"full", DType::float64},
                                         GoldenCase{"lora", DType::bfloat16}, GoldenCase{"full", DType::bfloat16}),
                         case_name);

// Seen while they are the host's: on a GPU a kernel would read beside the table.
TEST(Batch, RefusesWhatIsNotInTheVocabulary) {
  Golden golden("models/bf16_sharded", DType::float32);
  const data::Batch good = data::evaluation_batches(golden.rows[0], 1 << 20).front();
  for (const int32_t id : {-1, int32_t(golden.model.config.vocabulary)}) {
    data::Batch bad = good;
    bad.tokens[1] = id;
    try {
      (void)upload(golden.stream, golden.model, bad);
      ADD_FAILURE() << id;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      EXPECT_NE(std::string(error.what()).find(joined("[batch] token ", id, " is outside the vocabulary of ")),
                std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace hone::test
