#include "tests/trainer/golden_model.h"

#include <numeric>

#include "checkpoints/formats/peft.h"
#include "kernels/elementwise/elementwise.h"
#include "trainer/evaluation/evaluate.h"
#include "trainer/generation/generate.h"
#include "trainer/model/batch.h"
#include "trainer/model/load.h"
#include "trainer/model/lora.h"
#include "trainer/objective/supervised.h"

namespace hone::test {

using namespace trainer;

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

namespace {
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
}  // namespace

Golden::Golden(const std::string& name, DType type, bool trainable)
    : folder(golden(name)),
      directory(folder),
      expected(read_json(folder / "expected.json")),
      arrays(folder / "expected.safetensors"),
      model(load_decoder(stream, read_config(JsonView(directory.config(), "config.json")), DirectoryWeights(directory),
                         {.dtype = type, .trainable = trainable})) {
  for (const Json& row : expected.at("rows")) rows.push_back(documents_of(row, int64_t(rows.size())));
}

void Golden::add_adapter(bool trainable) {
  add_lora(stream, model, checkpoints::read_adapter(folder / "adapter"), trainable);
}

DeviceBatch Golden::batch(size_t row) {
  return upload(stream, model, data::evaluation_batches(rows[row], 1 << 20).front());
}

std::vector<double> Golden::logits(size_t row) {
  Tape tape = Tape::inference(stream);
  return logits_of(stream, model, hidden_states(tape, model, batch(row)).value());
}

void PrintTo(const GoldenCase& c, std::ostream* out) { *out << c.name << ' ' << c.dtype; }
std::string case_name(const testing::TestParamInfo<GoldenCase>& info) {
  return joined(info.param.name.substr(info.param.name.find('/') + 1), '_', info.param.dtype);
}

void expect_logits_and_losses(const GoldenCase& c) {
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

void expect_lora_gradients(const GoldenCase& c) {
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
    EXPECT_EQ(compared, int(g.model.layers.size() * g.model.layers[0].linears().size()) * 2);
  }
}

void expect_greedy_tokens(const GoldenCase& c) {
  Golden g(c.name, c.dtype);
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

}  // namespace hone::test
