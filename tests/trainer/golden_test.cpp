// Small random Llamas beside transformers, peft and torch (tests/golden/README.md): logits, losses, greedy tokens,
// every LoRA gradient, every gradient of full training, ten optimiser steps. In float32, in float64 and in bfloat16,
// over the same kernels, tape and loop.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "checkpoints/formats/peft.h"
#include "tests/support/environment.h"
#include "tests/support/tolerances.h"
#include "trainer/evaluation/evaluate.h"
#include "trainer/generation/generate.h"
#include "trainer/model/batch.h"
#include "trainer/model/load.h"
#include "trainer/model/lora.h"
#include "trainer/optim/schedule.h"
#include "trainer/train_loop.h"

namespace hone::test {
namespace {

using namespace hone::trainer;

std::vector<double> doubles(const checkpoints::SafetensorsFile& file, const std::string& name) {
  const checkpoints::TensorInfo& info = file.at(name);
  std::vector<double> values(size_t(info.elements()));
  if (info.dtype == checkpoints::FileDType::F64) {
    file.read(info, 0, std::as_writable_bytes(std::span(values)));
  } else {
    std::vector<float> single(values.size());
    file.read_float32(info, 0, single);
    std::ranges::copy(single, values.begin());
  }
  return values;
}

std::vector<double> values_of(const Tensor& tensor) {
  if (tensor.dtype() == DType::float64) return tensor.to_host<double>();
  const std::vector<float> single = tensor.to_host<float>();
  return {single.begin(), single.end()};
}

data::Row row_of(const std::vector<int32_t>& tokens, std::vector<int32_t> labels, int64_t number) {
  labels[0] = data::kNotLearned;  // the first token of a document is never a target
  return {.number = number, .tokens = tokens, .labels = std::move(labels)};
}

// The documents of one golden row.
std::vector<data::Row> documents_of(const Json& row, int64_t number) {
  const auto tokens = row.at("input_ids").get<std::vector<int32_t>>(),
             labels = row.at("labels").get<std::vector<int32_t>>();
  std::vector<int64_t> lengths{int64_t(tokens.size())};
  if (row.contains("documents")) lengths = row.at("documents").get<std::vector<int64_t>>();
  std::vector<data::Row> documents;
  int64_t at = 0;
  for (const int64_t length : lengths) {
    documents.push_back(row_of({tokens.begin() + at, tokens.begin() + at + length},
                               {labels.begin() + at, labels.begin() + at + length}, number));
    at += length;
  }
  return documents;
}

struct Golden {
  Golden(const std::string& name, DType type, bool trainable = false)
      : folder(golden("models/" + name)),
        directory(folder),
        expected(read_json(folder / "expected.json")),
        arrays(folder / "expected.safetensors"),
        model(load_decoder(stream, read_config(JsonView(directory.config(), "config.json")),
                           DirectoryWeights(directory), {.dtype = type, .trainable = trainable})) {
    for (const Json& row : expected.at("rows")) rows.push_back(documents_of(row, int64_t(rows.size())));
  }
  void add_adapter(bool trainable) {
    add_lora(stream, model, checkpoints::read_adapter(folder / "adapter"), trainable);
  }
  DeviceBatch batch(size_t row) { return upload(stream, model, data::evaluation_batches(rows[row], 1 << 20).front()); }
  std::vector<double> logits(size_t row) {
    Tape tape = Tape::inference(stream);
    const Var h = hidden_states(tape, model, batch(row));
    Tensor y(stream, {h.value().rows(), model.config.vocabulary}, wide_of(model.dtype));
    kernels::linear(stream, y, h.value(), autograd::operand(model.head));
    return values_of(y);
  }

  Stream stream = Stream::cpu(2);
  fs::path folder;
  checkpoints::ModelDirectory directory;
  Json expected;
  checkpoints::SafetensorsFile arrays;
  Decoder model;
  std::vector<std::vector<data::Row>> rows;  // documents of each golden row
};

struct Case {
  std::string name;
  DType dtype;
  double tolerance() const {
    return dtype == DType::float64 ? kFloat64Model : dtype == DType::bfloat16 ? kBfloat16Model : kFloat32Model;
  }
  double gradient_tolerance() const { return dtype == DType::bfloat16 ? kBfloat16Gradient : tolerance(); }
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name << ' ' << c.dtype; }

class GoldenModel : public testing::TestWithParam<Case> {};

void expect_logits_and_losses(const Case& c) {
  Golden g(c.name, c.dtype);
  for (const bool adapter : {false, true}) {
    if (adapter) g.add_adapter(false);
    const std::string kind = adapter ? "adapter" : "base";
    for (size_t r = 0; r < g.rows.size(); ++r) {
      EXPECT_LT(relative_error(g.logits(r), doubles(g.arrays, kind + ".logits." + std::to_string(r))), c.tolerance())
          << kind << " row " << r;
      const Evaluation losses = evaluate(g.stream, g.model, g.rows[r]);
      double sum = 0;
      for (const RowLoss& document : losses.rows) sum += document.loss_sum;
      const double expected = g.expected.at(kind + "_loss")[r].get<double>();
      EXPECT_NEAR(sum, expected,
                  std::min(c.tolerance(), kBfloat16) * expected);  // 0 where nothing of the row is learned
      EXPECT_EQ(losses.target_tokens, g.expected.at("target_tokens")[r].get<int64_t>());
    }
  }
}

TEST_P(GoldenModel, LogitsAndLossesEqualTransformers) { expect_logits_and_losses(GetParam()); }

void expect_lora_gradients(const Case& c) {
  for (const Recompute policy : {Recompute::none, Recompute::selective, Recompute::full}) {
    Golden g(c.name, c.dtype);
    g.add_adapter(true);
    autograd::ParameterSet parameters(g.stream, g.model.parameters());
    Tensor one(g.stream, {1}, wide_of(g.model.dtype));
    kernels::fill(g.stream, one, 1);
    for (size_t r = 0; r < g.rows.size(); ++r) {
      Tape tape(g.stream);
      const DeviceBatch batch = g.batch(r);
      const Var loss =
          Supervised{.chunk = 5}.summed_loss(tape, g.model, batch, std::vector(g.model.layers.size(), policy));
      tape.backward(loss.slot(), one);
    }
    int compared = 0;
    for (const Layer& layer : g.model.layers)
      for (const Linear* linear : layer.linears())
        for (const auto& [parameter, part] :
             {std::pair{linear->lora->a, ".lora_A.weight"}, std::pair{linear->lora->b, ".lora_B.weight"}}) {
          const std::string name = "base_model.model." + linear->name + part;
          EXPECT_LT(relative_error(values_of(parameter->grad), doubles(g.arrays, "gradient." + name)),
                    c.gradient_tolerance())
              << name;
          ++compared;
        }
    EXPECT_EQ(compared, int(g.model.layers.size()) * 14);
  }
}

TEST_P(GoldenModel, EveryLoraGradientEqualsPeft) { expect_lora_gradients(GetParam()); }

TEST_P(GoldenModel, GreedyTokensEqualTransformers) {
  Golden g(GetParam().name, GetParam().dtype);
  g.model.config.eos.clear();
  for (const bool adapter : {false, true}) {
    if (adapter) g.add_adapter(false);
    for (const Json& one : g.expected.value("generations", Json::array())) {
      const auto prompt = one.at("prompt").get<std::vector<int32_t>>(),
                 made = one.at(adapter ? "adapter" : "base").get<std::vector<int32_t>>();
      EXPECT_EQ(generate(g.stream, g.model, prompt, {.max_new_tokens = int64_t(made.size())}), made);
    }
  }
}

constexpr auto kModels = {"tied",   "untied", "llama3_rope", "biases",       "head_dim",
                          "packed", "nf4",    "nf4_double",  "bf16_sharded", "f16"};
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* name : kModels)
    for (const DType dtype : {DType::float32, DType::float64}) all.push_back({name, dtype});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Llama, GoldenModel, testing::ValuesIn(cases()), [](const auto& info) {
  return info.param.name + (info.param.dtype == DType::float64 ? "_float64" : "_float32");
});

// bfloat16 activations and weights beside transformers in float32: greedy tokens may differ where two are as likely.
TEST(GoldenBfloat16, LogitsLossesAndLoraGradientsAreNear) {
  for (const char* name : kModels) {
    SCOPED_TRACE(name);
    expect_logits_and_losses({name, DType::bfloat16});
    expect_lora_gradients({name, DType::bfloat16});
  }
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return joined(info.param.name, '_', info.param.dtype);
}

class GoldenFull : public testing::TestWithParam<Case> {};

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
INSTANTIATE_TEST_SUITE_P(Llama, GoldenFull,
                         testing::Values(Case{"tied", DType::float32}, Case{"tied", DType::float64},
                                         Case{"untied", DType::float32}, Case{"untied", DType::float64},
                                         Case{"tied", DType::bfloat16}, Case{"untied", DType::bfloat16}),
                         case_name);

// Ten steps of the real loop: batches, accumulation, clipping, schedule, AdamW.
class TenSteps : public testing::TestWithParam<Case> {};

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
                         testing::Values(Case{"lora", DType::float32}, Case{"lora", DType::float64},
                                         Case{"full", DType::float32}, Case{"full", DType::float64},
                                         Case{"lora", DType::bfloat16}, Case{"full", DType::bfloat16}),
                         case_name);

// Seen while they are the host's: on a GPU a kernel would read beside the table.
TEST(Batch, RefusesWhatIsNotInTheVocabulary) {
  Golden golden("bf16_sharded", DType::float32);
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
