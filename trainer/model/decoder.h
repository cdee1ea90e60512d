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
  std::string name;    // of the module, and so of its adapter: "model.layers.0.self_attn.q_proj"
  std::string stored;  // in the model's files, without ".weight"
  Var operator()(Tape&, const Var& x, const Var& dropped) const;
};

struct Layer {
  // Null where the family has none. Weights are those that are multiplied by: one more than stored in some families.
  ParameterPtr attention_norm, attention_output_norm, mlp_norm, mlp_output_norm, q_norm, k_norm;
  std::vector<Linear> qkv;  // q, k and v, or one that holds all three
  Linear o;
  std::vector<Linear> gate_up;  // gate and up, or one that holds both
  Linear down;

  std::vector<ParameterPtr> norms() const;  // those that are there
  std::vector<Linear*> linears();
  std::vector<const Linear*> linears() const;
  std::vector<std::vector<const Linear*>> groups() const;  // linears of one input together
};

struct Decoder {
  Config config;
  DType dtype = DType::float32;  // what activations are computed in
  double lora_dropout = 0;
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
  std::vector<Tensor> turns;  // one for each of config.ropes: kernels::rope_table of the positions
  DocumentOffsets documents;  // which tokens see each other
  Targets targets;            // the labelled positions
};

// Tables of a packed row's rotations, one for each of config.ropes. Frequencies that depend on how long a text is
// follow each document's own length, with `before` tokens that a cache holds, or `decisive` where Rope::decided_by
// takes it.
std::vector<Tensor> rope_tables(Stream&, const Decoder&, const std::vector<int32_t>& positions,
                                const std::vector<int32_t>& starts, int64_t decisive = 0, int64_t before = 0);
kernels::AttentionShape attention_shape(const Config&, size_t layer);

// How a layer attends: given q (T, heads * head_dim), k and v (T, kv_heads * head_dim), all before rotation.
using Attend = std::function<Var(Tape&, size_t layer, const Var& q, const Var& k, const Var& v)>;
Var decoder_block(Tape&, const Var& x, const Decoder&, size_t layer, const Attend&);

// Tokens (T) int32 through all blocks and the last norm: (T, width). recompute[i] is the plan's word for layer i; empty
// means none.
Var forward(Tape&, const Decoder&, const Tensor& tokens, const Attend&, const std::vector<Recompute>& recompute = {});
// The same for a batch: each document attends to itself, causally.
Var hidden_states(Tape&, const Decoder&, const DeviceBatch&, const std::vector<Recompute>& recompute = {});

// The logits (n, vocabulary) of rows of hidden_states, on the host, as the model gives them: capped where it caps them.
std::vector<double> logits_of(Stream&, const Decoder&, const Tensor& h);

}  // namespace hone::trainer
