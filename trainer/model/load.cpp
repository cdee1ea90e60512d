#include "trainer/model/load.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/elementwise/elementwise.h"
#include "kernels/nf4/nf4.h"
#include "trainer/plan/memory.h"

namespace hone::trainer {

namespace {
// Makes the tensors and notes where each goes; run() then fills them in the order in which they lie in the files.
class Loader {
 public:
  Loader(Stream& stream, const Weights& weights, const LoadOptions& options)
      : stream_(stream), weights_(weights), options_(options) {}

  // Matrices are decayed by AdamW, biases and norms are not (as transformers groups them).
  ParameterPtr parameter(const std::string& name, const Shape& shape) {
    const bool frozen_matrix = !options_.trainable && shape.rank() == 2;
    const bool narrow = frozen_matrix && (options_.dtype == DType::bfloat16 || weights_.stored_as_bfloat16(name));
    const Tensor value(stream_, shape, narrow ? DType::bfloat16 : wide_of(options_.dtype));
    want({.name = name, .shape = shape}, [this, value](const WeightPiece& piece) {
      Tensor place = value.flat_range(piece.first, {piece.elements()});
      kernels::convert(stream_, place, staged(piece));
    });
    return std::make_shared<Parameter>(Parameter{name, value, {}, options_.trainable, shape.rank() == 2});
  }

  // A norm's weight as it is multiplied by.
  ParameterPtr norm(const std::string& name, int64_t width, bool plus_one) {
    const std::string weight = name + ".weight";
    if (!plus_one) return parameter(weight, {width});
    const Tensor value(stream_, {width}, wide_of(options_.dtype));
    want({.name = weight, .shape = {width}}, [this, value](const WeightPiece& piece) {
      Tensor place = value.flat_range(piece.first, {piece.elements()}), ones(stream_, place.shape(), place.dtype());
      kernels::convert(stream_, place, staged(piece));
      kernels::fill(stream_, ones, 1);
      kernels::add(stream_, place, place, ones);
    });
    return std::make_shared<Parameter>(Parameter{weight, value, {}, options_.trainable, false});
  }

  // `layer` stays where it is until run() has returned.
  void linear(Linear& layer, const std::string& module, const std::string& stored, int64_t out, int64_t in, bool bias) {
    const std::string weight = stored + ".weight";
    const Shape shape{out, in};
    layer.name = module, layer.stored = stored;
    if (const auto stored = weights_.nf4(weight, reads())) {
      layer.weight = stored_nf4(weight, *stored, shape);
    } else if (options_.quantize) {
      quantized(layer.weight, weight, shape);
    } else {
      layer.weight = parameter(weight, shape);
    }
    if (bias) layer.bias = parameter(stored + ".bias", {out});
  }

  void run() {
    if (!reads()) return;
    weights_.stream(wanted_, [this](const WeightPiece& piece) {
      takers_[piece.index](piece);
      if (stream_.reads_host_memory()) stream_.wait();  // the reader fills this place again
    });
  }

 private:
  bool reads() const { return stream_.device().type != DeviceType::meta; }

  void want(WantedTensor tensor, Weights::Take take) {
    wanted_.push_back(std::move(tensor));
    takers_.push_back(std::move(take));
  }

  // A piece as the stream's kernels take it, until the next one: where it lies, or copied into one place for each type.
  Tensor staged(const WeightPiece& piece) {
    if (piece.values) return piece.values;
    const auto values = [&]<class T>() {
      const std::span all(reinterpret_cast<const T*>(piece.bytes.data()), size_t(piece.elements()));
      if (stream_.reads_host_memory()) return Tensor::borrowed(stream_, all);
      Tensor& room = staging_[size_t(piece.dtype)];
      if (!room || room.elements() < piece.elements()) room = Tensor(stream_, {piece.elements()}, piece.dtype);
      Tensor place = room.flat_range(0, {piece.elements()});
      place.write(all);
      return place;
    };
    return piece.dtype == DType::bfloat16 ? values.operator()<bfloat16>() : values.operator()<float>();
  }

  // The float32 scales of one weight at a time: it is made when its first piece comes.
  void quantized(Weight& place, const std::string& name, const Shape& shape) {
    const auto finished = [this](const QuantizedTensor& weight) {
      return options_.double_quantization ? kernels::nf4_nest_scales(stream_, weight) : weight;
    };
    if (!reads()) {
      place = finished(kernels::nf4_empty(stream_, shape));
      return;
    }
    want({.name = name, .shape = shape},
         [this, &place, shape, finished, weight = QuantizedTensor{}](const WeightPiece& piece) mutable {
           if (piece.first == 0) weight = kernels::nf4_empty(stream_, shape);
           kernels::nf4_quantize(stream_, weight, piece.first, staged(piece));
           if (piece.last) place = finished(std::exchange(weight, {}));
         });
  }

  QuantizedTensor stored_nf4(const std::string& name, const checkpoints::Nf4Record& record, const Shape& shape) {
    require(record.rows == shape[0] && record.width == shape[1], ExitCode::input, "tensor ", name, ": expected shape ",
            shape, " by config.json, its quantisation state says (", record.rows, ", ", record.width, ")");
    QuantizedTensor weight = kernels::nf4_empty(stream_, shape);
    want({.name = name, .shape = shape, .codes = true}, [codes = weight.codes](const WeightPiece& piece) {
      Tensor place = codes.flat_range(piece.first, {piece.elements()});
      place.write(std::span(reinterpret_cast<const uint8_t*>(piece.bytes.data()), piece.bytes.size()));
    });
    const int64_t blocks = (shape.elements() + kQuantizedBlock - 1) / kQuantizedBlock;
    if (!record.nested) {
      if (reads()) std::get<FloatScales>(weight.scales).absmax.write<float>(record.absmax);
      return weight;
    }
    NestedScales scales{.codes = Tensor(stream_, {blocks}, DType::uint8),
                        .nested = Tensor(stream_, {(blocks + kNestedBlock - 1) / kNestedBlock}, DType::float32),
                        .map = Tensor(stream_, {256}, DType::float32),
                        .offset = record.offset};
    if (reads()) {
      scales.codes.write<uint8_t>(record.absmax_codes);
      scales.nested.write<float>(record.nested_absmax);
      scales.map.write<float>(record.nested_map);
    }
    return {shape, weight.codes, scales};
  }

  Stream& stream_;
  const Weights& weights_;
  const LoadOptions& options_;
  std::vector<WantedTensor> wanted_;
  std::vector<Weights::Take> takers_;
  std::array<Tensor, 5> staging_;  // one for each type that came
};

// What the names of the text model's tensors begin with in the files.
std::string stored_root(const Family& family, const Weights& weights) {
  const TensorNames& names = family.names;
  for (const std::string_view root : names.stored_roots)
    if (!root.empty() && weights.has(joined(root, names.embedding, ".weight"))) return std::string(root);
  return std::string(names.stored_roots[0]);
}
std::string stored_head(const TensorNames& names, const Weights& weights) {
  const std::string plain = joined(names.head, ".weight"), nested = "language_model." + plain;
  return !weights.has(plain) && weights.has(nested) ? nested : plain;
}
}  // namespace

Decoder load_decoder(Stream& stream, const Config& c, const Weights& weights, const LoadOptions& options) {
  const MemoryScope scope = memory_for(stream, Memory::base);
  Loader load(stream, weights, options);
  const Family& family = *c.family;
  const TensorNames& names = family.names;
  const std::string root = stored_root(family, weights);
  const auto at_root = [&](std::string_view part) { return joined(root, part, ".weight"); };
  Decoder model{.config = c, .dtype = options.dtype, .embedding = {}, .norm = {}, .head = {}, .layers = {}};
  model.embedding = load.parameter(at_root(names.embedding), {c.vocabulary, c.width});
  const int64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  model.layers.resize(size_t(c.layers));
  for (size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    const auto norm = [&](ParameterPtr& to, std::string_view part, int64_t width) {
      if (!part.empty()) to = load.norm(joined(root, "layers.", i, ".", part), width, family.norms_plus_one);
    };
    norm(layer.attention_norm, names.attention_norm, c.width);
    norm(layer.mlp_norm, names.mlp_norm, c.width);
    norm(layer.attention_output_norm, names.attention_output_norm, c.width);
    norm(layer.mlp_output_norm, names.mlp_output_norm, c.width);
    norm(layer.q_norm, names.q_norm, family.qk_norm == QkNorm::heads ? c.head_dim : q);
    norm(layer.k_norm, names.k_norm, family.qk_norm == QkNorm::heads ? c.head_dim : kv);
    const auto linear = [&](Linear& to, std::string_view part, int64_t out, int64_t in, bool bias) {
      load.linear(to, joined(names.root, "layers.", i, ".", part), joined(root, "layers.", i, ".", part), out, in,
                  bias);
    };
    layer.qkv.resize(names.qkv.empty() ? 3 : 1);
    if (!names.qkv.empty()) {
      linear(layer.qkv[0], names.qkv, q + 2 * kv, c.width, c.attention_bias);
    } else {
      linear(layer.qkv[0], names.q, q, c.width, c.attention_bias);
      linear(layer.qkv[1], names.k, kv, c.width, c.attention_bias);
      linear(layer.qkv[2], names.v, kv, c.width, c.attention_bias);
    }
    linear(layer.o, names.o, c.width, q, c.output_bias);
    layer.gate_up.resize(names.gate_up.empty() ? 2 : 1);
    if (!names.gate_up.empty()) {
      linear(layer.gate_up[0], names.gate_up, 2 * c.mlp_width, c.width, c.mlp_bias);
    } else {
      linear(layer.gate_up[0], names.gate, c.mlp_width, c.width, c.mlp_bias);
      linear(layer.gate_up[1], names.up, c.mlp_width, c.width, c.mlp_bias);
    }
    linear(layer.down, names.down, c.width, c.mlp_width, c.mlp_bias);
  }
  model.norm = load.norm(joined(root, names.norm), c.width, family.norms_plus_one);
  model.head = c.tied ? model.embedding : load.parameter(stored_head(names, weights), {c.vocabulary, c.width});
  load.run();
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
