#include "trainer/model/decoder.h"

#include <algorithm>
#include <cmath>

#include "kernels/linear/linear.h"
#include "kernels/rope/rope.h"

namespace hone::trainer {

namespace {
// What dropout draws its numbers for, within a layer. Linears that share an input share its mask.
enum Purpose : uint16_t { kAttentionInput, kAttentionOutput, kMlpInput, kMlpOutput };

std::vector<Var> together(Tape& tape, const Var& x, const Var& dropped, const std::vector<Linear>& linears) {
  const std::vector<autograd::LinearPart> parts(linears.begin(), linears.end());
  return autograd::linears(tape, x, dropped, parts);
}

// Adds what `list` points to behind `all`.
template <class Pointers, class List>
void append(Pointers& all, List& list) {
  for (auto& linear : list) all.push_back(&linear);
}
template <class Pointer, class AnyLayer>
std::vector<Pointer> linears_of(AnyLayer& layer) {
  std::vector<Pointer> all;
  append(all, layer.qkv);
  all.push_back(&layer.o);
  append(all, layer.gate_up);
  all.push_back(&layer.down);
  return all;
}
}  // namespace

Var Linear::operator()(Tape& tape, const Var& x, const Var& dropped) const {
  const autograd::LinearPart& part = *this;
  return std::move(autograd::linears(tape, x, dropped, {&part, 1}).front());
}

std::vector<Linear*> Layer::linears() { return linears_of<Linear*>(*this); }
std::vector<const Linear*> Layer::linears() const { return linears_of<const Linear*>(*this); }
std::vector<std::vector<const Linear*>> Layer::groups() const {
  std::vector<std::vector<const Linear*>> all{{}, {&o}, {}, {&down}};
  append(all[0], qkv);
  append(all[2], gate_up);
  return all;
}
std::vector<ParameterPtr> Layer::norms() const {
  std::vector<ParameterPtr> all;
  for (const auto& norm : {attention_norm, mlp_norm, attention_output_norm, mlp_output_norm, q_norm, k_norm})
    if (norm) all.push_back(norm);
  return all;
}

std::vector<ParameterPtr> Decoder::parameters() const {
  std::vector<ParameterPtr> all{embedding};
  const auto add_weight = [&](const Weight& weight) {
    if (const ParameterPtr* parameter = std::get_if<ParameterPtr>(&weight)) all.push_back(*parameter);
  };
  for (const Layer& layer : layers) {
    const std::vector<ParameterPtr> norms = layer.norms();
    all.insert(all.end(), norms.begin(), norms.end());
    for (const auto& group : layer.groups()) {
      for (const Linear* linear : group) {
        add_weight(linear->weight);
        if (linear->bias) all.push_back(linear->bias);
      }
      for (const auto matrix : {&LoraPair::a, &LoraPair::b})
        for (const Linear* linear : group)
          if (linear->lora) all.push_back((*linear->lora).*matrix);
    }
  }
  all.push_back(norm);
  add_weight(head);
  return all;
}

Var decoder_block(Tape& tape, const Var& x, const Decoder& model, size_t index, const Attend& attend) {
  const Config& c = model.config;
  const Layer& layer = model.layers[index];
  const auto dropped = [&](const Var& v, Purpose purpose) {
    return autograd::dropout(tape, v, tape.training() ? model.lora_dropout : 0,
                             tape.random().at(uint16_t(index), purpose));
  };
  const auto normed = [&](const Var& v, const ParameterPtr& weight) {  // as it is where the family has no norm there
    return weight ? autograd::rms_norm(tape, v, tape.parameter(weight), c.eps) : v;
  };
  const auto projected = [&](const Var& h) -> autograd::Projected {
    std::vector<Var> made = together(tape, h, dropped(h, kAttentionInput), layer.qkv);
    if (made.size() == 1) return autograd::split_qkv(tape, made[0], c.heads * c.head_dim, c.kv_heads * c.head_dim);
    return {normed(made[0], layer.q_norm), normed(made[1], layer.k_norm), std::move(made[2])};
  };
  const auto attention = [&] {  // scopes end lives: what no closure needs is freed as early as here
    const auto attended = [&] {
      const auto [q, k, v] = projected(normed(x, layer.attention_norm));
      return attend(tape, index, q, k, v);
    };
    const auto output = [&] {
      const Var o = attended();
      return layer.o(tape, o, dropped(o, kAttentionOutput));
    };
    return normed(output(), layer.attention_output_norm);
  };
  const auto mlp = [&](const Var& h) {
    const auto activated = [&] {
      const std::vector<Var> made = together(tape, h, dropped(h, kMlpInput), layer.gate_up);
      return made.size() == 1 ? autograd::swiglu(tape, made[0], c.activation)
                              : autograd::swiglu(tape, made[0], made[1], c.activation);
    };
    const auto output = [&] {
      const Var s = activated();
      return layer.down(tape, s, dropped(s, kMlpOutput));
    };
    return normed(output(), layer.mlp_output_norm);
  };
  if (!layer.mlp_norm) {
    const Var sum = autograd::add(tape, x, attention());
    return autograd::add(tape, sum, mlp(sum));
  }
  const auto [sum, h] = autograd::residual_rms_norm(tape, x, attention(), tape.parameter(layer.mlp_norm), c.eps);
  return autograd::add(tape, sum, mlp(h));
}

Var forward(Tape& tape, const Decoder& model, const Tensor& tokens, const Attend& attend,
            const std::vector<Recompute>& recompute) {
  Var x = autograd::embedding(tape, tokens, tape.parameter(model.embedding), model.dtype,
                              model.config.embedding_scale(model.dtype == DType::bfloat16));
  for (size_t i = 0; i < model.layers.size(); ++i)
    x = autograd::run_segment(
        tape, recompute.empty() ? Recompute::none : recompute[i], x,
        [&model, attend, i](Tape& inner, const Var& in) { return decoder_block(inner, in, model, i, attend); });
  return autograd::rms_norm(tape, x, tape.parameter(model.norm), model.config.eps);
}

std::vector<Tensor> rope_tables(Stream& stream, const Decoder& model, const std::vector<int32_t>& positions,
                                const std::vector<int32_t>& starts, int64_t decisive, int64_t before) {
  const auto tokens = int64_t(positions.size());
  const Tensor at = Tensor::from(stream, {tokens}, positions);
  std::vector<Tensor> tables;
  for (const Rope& rope : model.config.ropes) {
    Tensor& turns = tables.emplace_back(stream, Shape{tokens, rope.turning()}, wide_of(model.dtype));
    const auto decided = [&](size_t d) { return rope.decided_by(before + starts[d + 1] - starts[d], decisive); };
    for (size_t first = 0, end; first + 1 < starts.size(); first = end) {  // documents that turn alike, together
      for (end = first + 1; end + 1 < starts.size() && decided(end) == decided(first);) ++end;
      const std::vector<double> frequencies = inverse_frequencies(rope, decided(first));
      Tensor rows = turns.row_range(starts[first], starts[end]);
      kernels::rope_table(stream, rows, at.flat_range(starts[first], {starts[end] - starts[first]}),
                          Tensor::from(stream, {int64_t(frequencies.size())}, frequencies), rope.attention_factor);
    }
  }
  return tables;
}

kernels::AttentionShape attention_shape(const Config& c, size_t layer) {
  return {.heads = c.heads,
          .kv_heads = c.kv_heads,
          .head_dim = c.head_dim,
          .window = c.window(layer),
          .softcap = c.attention_softcap,
          .scale = c.attention_scale};
}

Var hidden_states(Tape& tape, const Decoder& model, const DeviceBatch& batch, const std::vector<Recompute>& recompute) {
  const auto attend = [turns = batch.turns, documents = batch.documents, &config = model.config](
                          Tape& inner, size_t layer, const Var& q, const Var& k, const Var& v) {
    const auto [rotated_q, rotated_k] = autograd::rope(inner, q, k, turns[config.rope_of(layer)], config.head_dim);
    return autograd::attention(inner, rotated_q, rotated_k, v, documents, attention_shape(config, layer));
  };
  return forward(tape, model, batch.tokens, attend, recompute);
}

std::vector<double> logits_of(Stream& stream, const Decoder& model, const Tensor& h) {
  Tensor logits(stream, {h.rows(), model.config.vocabulary}, wide_of(model.dtype));
  kernels::linear(stream, logits, h, autograd::operand(model.head));
  std::vector<double> values;
  if (logits.dtype() == DType::float64) {
    values = logits.to_host<double>();
  } else {
    const std::vector<float> single = logits.to_host<float>();
    values.assign(single.begin(), single.end());
  }
  if (const double cap = model.config.final_softcap; cap > 0)
    for (double& value : values) value = cap * std::tanh(value / cap);
  return values;
}

}  // namespace hone::trainer
