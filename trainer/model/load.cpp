#include "trainer/model/load.h"

#include <algorithm>

#include "kernels/elementwise/elementwise.h"
#include "kernels/nf4/nf4.h"

namespace hone::trainer {

namespace {
constexpr int64_t kPiece = int64_t(1) << 20;  // elements on their way at a time; a multiple of the quantised block

class Loader {
 public:
  Loader(Stream& stream, const Weights& weights, const LoadOptions& options)
      : stream_(stream), weights_(weights), options_(options) {}

  // Matrices are decayed by AdamW, biases and norms are not (as transformers groups them).
  ParameterPtr parameter(const std::string& name, const Shape& shape) {
    const bool frozen_matrix = !options_.trainable && shape.rank() == 2;
    const bool narrow = frozen_matrix && (options_.dtype == DType::bfloat16 || weights_.stored_as_bfloat16(name));
    Tensor value(stream_, shape, narrow ? DType::bfloat16 : wide_of(options_.dtype));
    for_each_piece(name, shape, [&](int64_t first, std::span<const float> values) {
      const int64_t count = int64_t(values.size());
      Tensor piece(stream_, {count}, DType::float32), place = value.flat_range(first, {count});
      piece.write(values);
      kernels::convert(stream_, place, piece);
    });
    return std::make_shared<Parameter>(Parameter{name, value, {}, options_.trainable, shape.rank() == 2});
  }

  Linear linear(const std::string& name, int64_t out, int64_t in, bool bias) {
    Linear result{.name = name, .weight = {}, .bias = {}, .lora = {}};
    const std::string weight = name + ".weight";
    const auto stored = weights_.nf4(weight);
    if (stored) {
      result.weight = stored_nf4(weight, *stored, {out, in});
    } else if (options_.quantize) {
      result.weight = quantized(weight, {out, in});
    } else {
      result.weight = parameter(weight, {out, in});
    }
    if (bias) result.bias = parameter(name + ".bias", {out});
    return result;
  }

 private:
  bool reads() const { return stream_.device().type != DeviceType::meta; }

  template <class F>
  void for_each_piece(const std::string& name, const Shape& shape, F&& body) {
    if (!reads()) return;
    std::vector<float> buffer(size_t(std::min(kPiece, shape.elements())));
    for (int64_t first = 0; first < shape.elements(); first += kPiece) {
      const std::span<float> piece(buffer.data(), size_t(std::min(kPiece, shape.elements() - first)));
      weights_.read(name, shape, first, piece);
      body(first, std::span<const float>(piece));
    }
  }

  QuantizedTensor quantized(const std::string& name, const Shape& shape) {
    QuantizedTensor weight = kernels::nf4_empty(stream_, shape);
    for_each_piece(name, shape, [&](int64_t first, std::span<const float> values) {
      Tensor piece(stream_, {int64_t(values.size())}, DType::float32);
      piece.write(values);
      kernels::nf4_quantize(stream_, weight, first, piece);
    });
    return options_.double_quantization ? kernels::nf4_nest_scales(stream_, weight) : weight;
  }

  QuantizedTensor stored_nf4(const std::string& name, const checkpoints::Nf4Record& record, const Shape& shape) {
    require(record.rows == shape[0] && record.width == shape[1], ExitCode::input, "tensor ", name, ": expected shape ",
            shape, " by config.json, its quantisation state says (", record.rows, ", ", record.width, ")");
    QuantizedTensor weight = kernels::nf4_empty(stream_, shape);
    std::vector<uint8_t> buffer(reads() ? size_t(std::min(kPiece, weight.codes.elements())) : 0);
    for (int64_t first = 0; reads() && first < weight.codes.elements(); first += kPiece) {
      const std::span<uint8_t> piece(buffer.data(), size_t(std::min(kPiece, weight.codes.elements() - first)));
      record.read_codes(uint64_t(first), std::as_writable_bytes(piece));
      Tensor place = weight.codes.flat_range(first, {int64_t(piece.size())});
      place.write<uint8_t>(piece);
    }
    if (!record.nested) {
      std::get<FloatScales>(weight.scales).absmax.write<float>(record.absmax);
      return weight;
    }
    const int64_t blocks = int64_t(record.absmax_codes.size());
    NestedScales scales{.codes = Tensor::from(stream_, {blocks}, record.absmax_codes),
                        .nested = Tensor::from(stream_, {int64_t(record.nested_absmax.size())}, record.nested_absmax),
                        .map = Tensor::from(stream_, {256}, record.nested_map),
                        .offset = record.offset};
    return {shape, weight.codes, scales};
  }

  Stream& stream_;
  const Weights& weights_;
  const LoadOptions& options_;
};
}  // namespace

Decoder load_decoder(Stream& stream, const Config& c, const Weights& weights, const LoadOptions& options) {
  Loader load(stream, weights, options);
  const TensorNames& names = c.family->names;
  const auto named = [](std::string_view name) { return std::string(name) + ".weight"; };
  Decoder model{
      .config = c, .dtype = options.dtype, .inv_freq = {}, .embedding = {}, .norm = {}, .head = {}, .layers = {}};
  model.inv_freq = Tensor::from(stream, {c.head_dim / 2}, inverse_frequencies(c));
  model.embedding = load.parameter(named(names.embedding), {c.vocabulary, c.width});
  const int64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  for (int64_t i = 0; i < c.layers; ++i) {
    const auto at = [&](std::string_view part) { return joined(names.layers, i, ".", part); };
    model.layers.push_back({.attention_norm = load.parameter(named(at(names.attention_norm)), {c.width}),
                            .mlp_norm = load.parameter(named(at(names.mlp_norm)), {c.width}),
                            .q = load.linear(at(names.q), q, c.width, c.attention_bias),
                            .k = load.linear(at(names.k), kv, c.width, c.attention_bias),
                            .v = load.linear(at(names.v), kv, c.width, c.attention_bias),
                            .o = load.linear(at(names.o), c.width, q, c.attention_bias),
                            .gate = load.linear(at(names.gate), c.mlp_width, c.width, c.mlp_bias),
                            .up = load.linear(at(names.up), c.mlp_width, c.width, c.mlp_bias),
                            .down = load.linear(at(names.down), c.width, c.mlp_width, c.mlp_bias)});
  }
  model.norm = load.parameter(named(names.norm), {c.width});
  model.head = c.tied ? model.embedding : load.parameter(named(names.head), {c.vocabulary, c.width});
  return model;
}

std::vector<float> rows_of(Stream& stream, const Weight& weight, int64_t first, int64_t count) {
  if (const auto* quantized = std::get_if<QuantizedTensor>(&weight)) {
    Tensor rows(stream, {count, quantized->width()}, DType::float32);
    kernels::nf4_dequantize(stream, rows, *quantized, first);
    return rows.to_host<float>();
  }
  const Tensor& value = std::get<ParameterPtr>(weight)->value;
  if (value.shape().rank() == 1) {
    Tensor part(stream, {count}, DType::float32);
    kernels::convert(stream, part, value.flat_range(first, {count}));
    return part.to_host<float>();
  }
  Tensor rows(stream, {count, value.width()}, DType::float32);
  kernels::convert(stream, rows, value.row_range(first, first + count));
  return rows.to_host<float>();
}

}  // namespace hone::trainer
