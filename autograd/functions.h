// The catalogue of differentiable ops. Shapes are those of the kernel of the same name.
#pragma once
#include <array>
#include <optional>

#include "autograd/recompute.h"
#include "kernels/attention/attention.h"
#include "kernels/linear_cross_entropy/linear_cross_entropy.h"
#include "kernels/swiglu/activation.h"

namespace hone::autograd {

struct LoraPair {  // y += scale * (x aᵀ) bᵀ;  a (rank, in), b (out, rank)
  ParameterPtr a, b;
  double scale;
};
struct LinearPart {  // one of several linears of one input
  Weight weight;
  ParameterPtr bias;             // (out), or null
  std::optional<LoraPair> lora;  // the adapter's path, where there is one
};
struct Normed {
  Var sum, y;
};
struct Rotated {
  Var q, k;
};
struct Projected {
  Var q, k, v;
};

// What a kernel multiplies by: the weight's value, whether it is a parameter or quantised.
kernels::LinearWeight operand(const Weight&);

Var add(Tape&, const Var& a, const Var& b);
// In the type to compute in; the table may be bfloat16.
Var embedding(Tape&, const Tensor& tokens, const Var& table, DType, double scale = 1);
Var linear(Tape&, const Var& x, const Weight& weight, const ParameterPtr& bias = {});  // bias (out) or null
// Base and adapter path. `dropped` is x after the adapter's dropout, x itself without.
Var lora_linear(Tape&, const Var& x, const Var& dropped, const Weight& weight, const ParameterPtr& bias,
                const LoraPair& lora);
// Several of one input, in their order. The input's gradient is added up in one place, and adapters whose matrices lie
// one behind another (a of one, a of the next, …) read their input once, as one matrix.
std::vector<Var> linears(Tape&, const Var& x, const Var& dropped, std::span<const LinearPart>);
// y is cheap. A weight narrower than x is that of each of its heads: every head of its width is normed by itself.
Var rms_norm(Tape&, const Var& x, const Var& weight, double eps);
Normed residual_rms_norm(Tape&, const Var& x, const Var& delta, const Var& weight,
                         double eps);  // sum is kept, y is cheap
// turns: kernels::rope_table. Cheap where q and k are themselves, as after a norm of each head: what they are made of
// is kept anyway.
Rotated rope(Tape&, const Var& q, const Var& k, const Tensor& turns, int64_t head_dim);
// The three of a fused projection, q first. q and k are views of it, for rope, which keeps neither; v, which attention
// keeps, is a copy: nothing keeps the whole.
Projected split_qkv(Tape&, const Var& qkv, int64_t q_width, int64_t kv_width);
Var attention(Tape&, const Var& q, const Var& k, const Var& v, const DocumentOffsets&, const kernels::AttentionShape&);
Var swiglu(Tape&, const Var& gate, const Var& up, kernels::Activation = kernels::Activation::silu);  // cheap
// Of a fused projection, the gate in the first half of its columns.
Var swiglu(Tape&, const Var& gate_up, kernels::Activation);    // cheap
Var dropout(Tape&, const Var& x, double p, const RandomKey&);  // cheap
Var linear_cross_entropy(Tape&, const Var& h, const Weight& weight, const Targets&, int64_t chunk,
                         double softcap = 0);  // (1), summed

}  // namespace hone::autograd
