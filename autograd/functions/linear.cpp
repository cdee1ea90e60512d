#include "kernels/linear/linear.h"

#include "autograd/functions.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/linear/adapter_gradients.h"

namespace hone::autograd {

kernels::LinearWeight operand(const Weight& weight) {
  if (const ParameterPtr* const parameter = std::get_if<ParameterPtr>(&weight)) return (*parameter)->value;
  return std::get<QuantizedTensor>(weight);
}

namespace {
// A weight as an input of the tape: wanted when trainable. A quantised weight has no Var form: an empty constant.
Var weight_var(Tape& tape, const Weight& weight) {
  const ParameterPtr* const parameter = std::get_if<ParameterPtr>(&weight);
  return parameter ? tape.parameter(*parameter) : tape.constant({});
}
Var bias_var(Tape& tape, const ParameterPtr& bias) { return bias ? tape.parameter(bias) : tape.constant({}); }

const Tensor& computed(const ParameterPtr& p) { return p->narrowed ? p->narrowed : p->value; }

// What the way back needs of a part.
struct Part {
  kernels::LinearWeight weight;
  Slot w, bias, a, b;
  Tensor a_value, b_value;  // empty without an adapter
  double scale = 0;
  int64_t first = 0, end = 0;  // its columns of all parts' x aᵀ
};

// Matrices of adapters, and their first columns of all parts' x aᵀ. Those that lie one behind another are one matrix,
// and one product: that is how a ParameterSet lays out what Decoder::parameters names one after another.
struct Stack {
  Tensor rows;
  int64_t first;
};
void put(std::vector<Stack>& stacks, const Tensor& rows, int64_t first) {
  if (!stacks.empty() && stacks.back().first + stacks.back().rows.rows() == first)
    if (const Tensor both = stacks.back().rows.joined(rows)) {
      stacks.back().rows = both;
      return;
    }
  stacks.push_back({rows, first});
}
std::vector<Stack> stacked_values(const std::vector<Part>& parts) {
  std::vector<Stack> stacks;
  for (const Part& part : parts)
    if (part.a_value) put(stacks, part.a_value, part.first);
  return stacks;
}
std::vector<Stack> stacked_gradients(const std::vector<Part>& parts, GradSink& grads) {
  std::vector<Stack> stacks;
  for (const Part& part : parts)
    if (part.a.wanted()) put(stacks, grads.accumulator(part.a), part.first);
  return stacks;
}
Tensor columns_of(const Tensor& low, const Stack& stack) {
  return low.columns(stack.first, stack.first + stack.rows.rows());
}

// The gradients of what each part has of its own; its share of dlow, which is empty where no part has an adapter.
void part_gradients(GradSink& grads, const Part& part, const Tensor& dy, const Tensor& x, const Tensor& low,
                    Tensor& dlow) {
  Stream& stream = grads.stream();
  if (part.bias.wanted()) kernels::add_column_sums(stream, grads.accumulator(part.bias), dy);
  if (part.w.wanted()) kernels::linear_weight_gradient(stream, grads.accumulator(part.w), dy, x);
  if (!part.b_value) return;
  Tensor dpart = dlow.columns(part.first, part.end);
  kernels::adapter_gradients(stream, dpart, part.b.wanted() ? &grads.accumulator(part.b) : nullptr, dy,
                             low.columns(part.first, part.end), part.b_value, part.scale);
}
}  // namespace

std::vector<Var> linears(Tape& tape, const Var& x, const Var& dropped, std::span<const LinearPart> given) {
  Stream& stream = tape.stream();
  const int64_t tokens = x.value().rows();
  const DType dtype = x.value().dtype();
  std::vector<Var> inputs{x, dropped};
  std::vector<Part> parts;
  bool keep_x = false, keep_dropped = false;
  int64_t ranks = 0;
  for (const LinearPart& from : given) {
    Part& part = parts.emplace_back();
    const Var w = weight_var(tape, from.weight), bias = bias_var(tape, from.bias);
    part.weight = operand(from.weight), part.w = w.slot(), part.bias = bias.slot();
    inputs.insert(inputs.end(), {w, bias});
    keep_x |= w.wanted();
    if (!from.lora) continue;
    const Var a = tape.parameter(from.lora->a), b = tape.parameter(from.lora->b);
    part.a = a.slot(), part.b = b.slot(), part.a_value = computed(from.lora->a), part.b_value = computed(from.lora->b);
    part.scale = from.lora->scale;
    part.first = ranks, part.end = ranks += a.value().rows();
    inputs.insert(inputs.end(), {a, b});
    keep_dropped |= a.wanted();
  }
  Tensor low;  // x aᵀ of all parts side by side, kept: ranks are small
  if (ranks > 0) low = Tensor(stream, {tokens, ranks}, dtype);
  for (const Stack& stack : stacked_values(parts)) {
    Tensor to = columns_of(low, stack);
    kernels::linear(stream, to, dropped.value(), stack.rows);
  }
  std::vector<Output> ys;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    Tensor y(stream, {tokens, kernels::linear_outputs(part.weight)}, dtype);
    // The adapter's share first: it only writes y, and the product that is bound by arithmetic reads it. The other way
    // round y would be read and written once more, and rounded twice.
    if (part.b_value) kernels::linear(stream, y, low.columns(part.first, part.end), part.b_value, 0, part.scale);
    kernels::linear(stream, y, x.value(), part.weight, part.b_value ? 1 : 0);
    if (given[i].bias) kernels::add_bias(stream, y, given[i].bias->value);
    ys.push_back(std::move(y));
  }
  return tape.record(
      "linear", std::move(ys), inputs,
      [parts = std::move(parts), low, x_saved = tape.save(x, keep_x), dropped_saved = tape.save(dropped, keep_dropped),
       x = x.slot(), dropped = dropped.slot()](std::span<Tensor> dys, GradSink& grads) {
        Stream& stream = grads.stream();
        const bool back = x.wanted() || dropped.wanted();
        Tensor dlow, dx, ddropped;
        if (low) dlow = Tensor(stream, low.shape(), low.dtype());
        for (size_t i = 0; i < parts.size(); ++i) {
          const Part& part = parts[i];
          if (dys[i]) {
            part_gradients(grads, part, dys[i], part.w.wanted() ? x_saved.get(stream) : Tensor(), low, dlow);
          } else if (Tensor none = part.b_value ? dlow.columns(part.first, part.end) : Tensor()) {
            kernels::fill(stream, none, 0);  // not used
          }
        }
        for (Stack& stack : stacked_gradients(parts, grads))
          kernels::linear_weight_gradient(stream, stack.rows, columns_of(dlow, stack), dropped_saved.get(stream));
        if (!back) return;
        const auto add_to = [&](Tensor& to, const Tensor& dy, const kernels::LinearWeight& weight) {
          const double more = to ? 1 : 0;
          if (!to) to = Tensor(stream, {dy.rows(), kernels::linear_inputs(weight)}, dy.dtype());
          kernels::linear_input_gradient(stream, to, dy, weight, more);
        };
        Tensor& to = dropped == x ? dx : ddropped;  // no dropout: one gradient, one buffer
        for (const Stack& stack : stacked_values(parts)) add_to(to, columns_of(dlow, stack), stack.rows);
        for (size_t i = 0; i < parts.size(); ++i) {
          if (dys[i]) add_to(dx, dys[i], parts[i].weight);
          dys[i] = {};
        }
        grads.add(dropped, std::move(ddropped));
        grads.add(x, std::move(dx));
      });
}

Var linear(Tape& tape, const Var& x, const Weight& weight, const ParameterPtr& bias) {
  const LinearPart part{weight, bias, {}};
  return std::move(linears(tape, x, x, {&part, 1}).front());
}

Var lora_linear(Tape& tape, const Var& x, const Var& dropped, const Weight& weight, const ParameterPtr& bias,
                const LoraPair& lora) {
  const LinearPart part{weight, bias, lora};
  return std::move(linears(tape, x, dropped, {&part, 1}).front());
}

}  // namespace hone::autograd
