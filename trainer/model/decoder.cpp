#include "trainer/model/decoder.h"

#include <algorithm>

namespace hone::trainer {

namespace {
// What dropout draws its numbers for, within a layer. Linears that share an input share its mask.
enum Purpose : uint16_t { kAttentionInput, kAttentionOutput, kMlpInput, kMlpOutput };

// Linears of one input.
template <class... L>
std::array<Var, sizeof...(L)> together(Tape& tape, const Var& x, const Var& dropped, const L&... linears) {
  const std::array<autograd::LinearPart, sizeof...(L)> parts{linears...};
  std::vector<Var> made = autograd::linears(tape, x, dropped, parts);
  std::array<Var, sizeof...(L)> result;
  std::ranges::move(made, result.begin());
  return result;
}
}  // namespace

Var Linear::operator()(Tape& tape, const Var& x, const Var& dropped) const {
  return std::move(together(tape, x, dropped, *this).front());
}

std::vector<ParameterPtr> Decoder::parameters() const {
  std::vector<ParameterPtr> all{embedding};
  const auto add_weight = [&](const Weight& weight) {
    if (const ParameterPtr* parameter = std::get_if<ParameterPtr>(&weight)) all.push_back(*parameter);
  };
  for (const Layer& layer : layers) {
    all.insert(all.end(), {layer.attention_norm, layer.mlp_norm});
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
  const Layer& layer = model.layers[index];
  const auto dropped = [&](const Var& v, Purpose purpose) {
    return autograd::dropout(tape, v, tape.training() ? model.lora_dropout : 0,
                             tape.random().at(uint16_t(index), purpose));
  };
  const auto attention = [&] {  // scopes end lives: what no closure needs is freed as early as here
    const Var h = autograd::rms_norm(tape, x, tape.parameter(layer.attention_norm), model.config.eps);
    const Var d = dropped(h, kAttentionInput);
    const auto attended = [&] {
      const auto [q, k, v] = together(tape, h, d, layer.q, layer.k, layer.v);
      return attend(tape, index, q, k, v);
    };
    const Var o = attended();
    return layer.o(tape, o, dropped(o, kAttentionOutput));
  };
  const auto [sum, h] =
      autograd::residual_rms_norm(tape, x, attention(), tape.parameter(layer.mlp_norm), model.config.eps);
  const auto mlp = [&](const Var& in) {
    const auto activated = [&] {
      const auto [gate, up] = together(tape, in, dropped(in, kMlpInput), layer.gate, layer.up);
      return autograd::swiglu(tape, gate, up);
    };
    const Var s = activated();
    return layer.down(tape, s, dropped(s, kMlpOutput));
  };
  return autograd::add(tape, sum, mlp(h));
}

Var forward(Tape& tape, const Decoder& model, const Tensor& tokens, const Attend& attend,
            const std::vector<Recompute>& recompute) {
  Var x = autograd::embedding(tape, tokens, tape.parameter(model.embedding), model.dtype);
  for (size_t i = 0; i < model.layers.size(); ++i)
    x = autograd::run_segment(
        tape, recompute.empty() ? Recompute::none : recompute[i], x,
        [&model, attend, i](Tape& inner, const Var& in) { return decoder_block(inner, in, model, i, attend); });
  return autograd::rms_norm(tape, x, tape.parameter(model.norm), model.config.eps);
}

Var hidden_states(Tape& tape, const Decoder& model, const DeviceBatch& batch, const std::vector<Recompute>& recompute) {
  const kernels::AttentionShape shape{model.config.heads, model.config.kv_heads, model.config.head_dim};
  const auto attend = [turns = batch.turns, documents = batch.documents, shape](Tape& inner, size_t, const Var& q,
                                                                                const Var& k, const Var& v) {
    const auto [rotated_q, rotated_k] = autograd::rope(inner, q, k, turns);
    return autograd::attention(inner, rotated_q, rotated_k, v, documents, shape);
  };
  return forward(tape, model, batch.tokens, attend, recompute);
}

}  // namespace hone::trainer
