#include "trainer/run/export.h"

#include <set>

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

// What a norm is stored as where files hold one less.
std::vector<float> less_one(std::vector<float> values) {
  for (float& value : values) value -= 1;
  return values;
}

struct Named {
  checkpoints::OutputTensor tensor;
  std::function<std::vector<float>(int64_t first_row, int64_t rows)> rows;
};

// All tensors of the model; and those of the base that are not the text model's, as they are.
std::vector<Named> tensors_of(Stream& stream, const Decoder& model, const checkpoints::ModelDirectory& base) {
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
  const auto add_norm = [&](const ParameterPtr& norm) {
    add(norm->name, norm);
    if (model.config.family->norms_plus_one)
      all.back().rows = [&stream, norm](int64_t first, int64_t rows) {
        return less_one(rows_of(stream, norm, first, rows));
      };
  };
  add(model.embedding->name, model.embedding);
  for (const Layer& layer : model.layers) {
    for (const ParameterPtr& norm : layer.norms()) add_norm(norm);
    for (const Linear* linear : layer.linears()) {
      add(linear->stored + ".weight", linear->weight);
      all.back().rows = [&stream, linear](int64_t first, int64_t rows) {
        return merged_rows(stream, *linear, first, rows);
      };
      if (linear->bias) add(linear->bias->name, linear->bias);
    }
  }
  add_norm(model.norm);
  if (!model.config.tied) add(std::get<ParameterPtr>(model.head)->name, model.head);
  if (model.config.family->text_config.empty()) return all;
  std::set<std::string> own;
  for (const Named& named : all) own.insert(named.tensor.name);
  for (const std::string& name : base.names()) {
    if (own.contains(name) || name.find("language_model.") != std::string::npos || name == "lm_head.weight") continue;
    require(!base.nf4(name, false), ExitCode::input, base.path().string(), ": tensor ", name,
            " is stored in 4 bits and is not the text model's; merge into the model as it was before it was quantised");
    const std::vector<int64_t> shape = base.shape(name);
    int64_t width = 1;
    for (size_t i = 1; i < shape.size(); ++i) width *= shape[i];
    all.push_back({.tensor = {.name = name, .shape = shape}, .rows = [&base, name, width](int64_t first, int64_t rows) {
                     std::vector<float> values(size_t(rows * width));
                     base.read_float32(name, first * width, values);
                     return values;
                   }});
  }
  return all;
}
}  // namespace

void export_model(Stream& stream, const Decoder& model, const Base& base, const fs::path& folder, ExportType type) {
  const std::vector<Named> tensors = tensors_of(stream, model, base.directory);
  std::vector<checkpoints::OutputTensor> list;
  for (const Named& named : tensors) list.push_back(named.tensor);
  const auto values = [&](const checkpoints::OutputTensor& wanted,
                          const std::function<void(std::span<const float>)>& put) {
    const auto named = std::ranges::find(tensors, wanted.name, [](const Named& n) { return n.tensor.name; });
    const int64_t rows = wanted.shape.empty() ? 1 : wanted.shape[0];
    int64_t width = 1;
    for (size_t i = 1; i < wanted.shape.size(); ++i) width *= wanted.shape[i];
    const int64_t step = std::max<int64_t>(1, kPiece / std::max<int64_t>(width, 1));
    for (int64_t first = 0; first < rows; first += step) put(named->rows(first, std::min(step, rows - first)));
  };
  checkpoints::write_model(
      folder, base.directory, list, values,
      {.dtype = type == ExportType::float32 ? checkpoints::FileDType::F32 : checkpoints::FileDType::BF16});
}

}  // namespace hone::trainer
