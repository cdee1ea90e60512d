#include "trainer/run/export.h"

#include "checkpoints/base/model_writer.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/linear/linear.h"

namespace hone::trainer {

namespace {
constexpr int64_t kPiece = int64_t(1) << 20;  // elements on the host at a time

// Rows [first, first + count) of a linear layer with its adapter added in.
std::vector<float> merged_rows(Stream& stream, const Linear& linear, int64_t first, int64_t count) {
  std::vector<float> rows = rows_of(stream, linear.weight, first, count);
  if (!linear.lora) return rows;
  const int64_t width = int64_t(rows.size()) / count;
  Tensor sum = Tensor::from(stream, {count, width}, rows);
  kernels::linear_input_gradient(stream, sum, linear.lora->b->value.row_range(first, first + count),
                                 linear.lora->a->value, 1,
                                 linear.lora->scale);  // sum += scale * b a
  return sum.to_host<float>();
}

struct Named {
  checkpoints::OutputTensor tensor;
  std::function<std::vector<float>(int64_t first_row, int64_t rows)> rows;
};

std::vector<Named> tensors_of(Stream& stream, const Decoder& model) {
  std::vector<Named> all;
  const auto add = [&](const std::string& name, const Weight& weight) {
    const ParameterPtr* const parameter = std::get_if<ParameterPtr>(&weight);
    const Shape shape = parameter ? (*parameter)->value.shape() : std::get<QuantizedTensor>(weight).shape;
    Named named{.tensor = {.name = name, .shape = {}}, .rows = [&stream, weight](int64_t first, int64_t rows) {
                  return rows_of(stream, weight, first, rows);
                }};
    for (int i = 0; i < shape.rank(); ++i) named.tensor.shape.push_back(shape[i]);
    all.push_back(std::move(named));
  };
  add(model.embedding->name, model.embedding);
  for (const Layer& layer : model.layers) {
    add(layer.attention_norm->name, layer.attention_norm);
    add(layer.mlp_norm->name, layer.mlp_norm);
    for (const Linear* linear : layer.linears()) {
      add(linear->name + ".weight", linear->weight);
      all.back().rows = [&stream, linear](int64_t first, int64_t rows) {
        return merged_rows(stream, *linear, first, rows);
      };
      if (linear->bias) add(linear->bias->name, linear->bias);
    }
  }
  add(model.norm->name, model.norm);
  if (!model.config.tied) add("lm_head.weight", model.head);
  return all;
}
}  // namespace

void export_model(Stream& stream, const Decoder& model, const Base& base, const fs::path& folder, ExportType type) {
  const std::vector<Named> tensors = tensors_of(stream, model);
  std::vector<checkpoints::OutputTensor> list;
  for (const Named& named : tensors) list.push_back(named.tensor);
  const auto values = [&](const checkpoints::OutputTensor& wanted,
                          const std::function<void(std::span<const float>)>& put) {
    const auto named = std::ranges::find(tensors, wanted.name, [](const Named& n) { return n.tensor.name; });
    const int64_t rows = wanted.shape[0], width = wanted.shape.size() > 1 ? wanted.shape[1] : 1,
                  step = std::max<int64_t>(1, kPiece / width);
    for (int64_t first = 0; first < rows; first += step) put(named->rows(first, std::min(step, rows - first)));
  };
  checkpoints::write_model(
      folder, base.directory, list, values,
      {.dtype = type == ExportType::float32 ? checkpoints::FileDType::F32 : checkpoints::FileDType::BF16});
}

}  // namespace hone::trainer
