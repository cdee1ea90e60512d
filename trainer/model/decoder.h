// The decoder: plain structs of weights and free functions over them.
//   Tape tape(stream, random);
//   const Var h = hidden_states(tape, model, batch, plan.recompute);      // (T, width), after the last norm
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "autograd/functions.h"
#include "trainer/model/config.h"

namespace hone::trainer {

using autograd::LoraPair, autograd::Parameter, autograd::ParameterPtr, autograd::Recompute, autograd::Tape,
    autograd::Var, autograd::Weight;

// y = x weightᵀ + bias, plus the adapter's path where there is one.
struct Linear : autograd::LinearPart {
  std::string name;  // "model.layers.0.self_attn.q_proj"
  Var operator()(Tape&, const Var& x, const Var& dropped) const;
};

struct Layer {
  ParameterPtr attention_norm, mlp_norm;
  Linear q, k, v, o, gate, up, down;
  std::vector<Linear*> linears() { return {&q, &k, &v, &o, &gate, &up, &down}; }
  std::vector<const Linear*> linears() const { return {&q, &k, &v, &o, &gate, &up, &down}; }
  // Those of one input together.
  std::vector<std::vector<const Linear*>> groups() const { return {{&q, &k, &v}, {&o}, {&gate, &up}, {&down}}; }
};

struct Decoder {
  Config config;
  DType dtype = DType::float32;  // what activations are computed in
  double lora_dropout = 0;
  Tensor inv_freq;               // (head_dim / 2) float64
  ParameterPtr embedding, norm;  // (vocabulary, width), (width)
  Weight head;                   // (vocabulary, width); tied: the embedding's own Parameter
  std::vector<Layer> layers;

  // Every one, trainable or not; a tied one twice. In an order in which adapters' matrices of one input come one behind
  // another, as autograd::linears likes them. A training state has no other names than this order (kLayout).
  std::vector<ParameterPtr> parameters() const;
  static constexpr int kLayout = 2;
};

// One packed row of T tokens on the device; there is no batch dimension.
struct DeviceBatch {
  Tensor tokens;              // (T) int32
  Tensor turns;               // (T, head_dim): kernels::rope_table of the positions
  DocumentOffsets documents;  // which tokens see each other
  Targets targets;            // the labelled positions
};

// How a layer attends: given q (T, heads * head_dim), k and v (T, kv_heads * head_dim), all before rotation.
using Attend = std::function<Var(Tape&, size_t layer, const Var& q, const Var& k, const Var& v)>;
Var decoder_block(Tape&, const Var& x, const Decoder&, size_t layer, const Attend&);

// Tokens (T) int32 through all blocks and the last norm: (T, width). recompute[i] is the plan's word for layer i; empty
// means none.
Var forward(Tape&, const Decoder&, const Tensor& tokens, const Attend&, const std::vector<Recompute>& recompute = {});
// The same for a batch: each document attends to itself, causally.
Var hidden_states(Tape&, const Decoder&, const DeviceBatch&, const std::vector<Recompute>& recompute = {});

}  // namespace hone::trainer
