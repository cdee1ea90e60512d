#include "kernels/linear/linear.h"

#include "autograd/functions.h"
#include "kernels/elementwise/elementwise.h"

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

Tensor product(Stream& stream, const Tensor& x, const kernels::LinearWeight& weight, const ParameterPtr& bias) {
  Tensor y(stream, {x.rows(), kernels::linear_outputs(weight)}, x.dtype());
  kernels::linear(stream, y, x, weight);
  if (bias) kernels::add_bias(stream, y, bias->value);
  return y;
}
Tensor input_gradient(Stream& stream, const Tensor& dy, const kernels::LinearWeight& weight) {
  Tensor dx(stream, {dy.rows(), kernels::linear_inputs(weight)}, dy.dtype());
  kernels::linear_input_gradient(stream, dx, dy, weight);
  return dx;
}
void bias_gradient(GradSink& grads, const Slot& bias, const Tensor& dy) {
  if (bias.wanted()) kernels::add_column_sums(grads.stream(), grads.accumulator(bias), dy);
}
}  // namespace

Var linear(Tape& tape, const Var& x, const Weight& weight, const ParameterPtr& bias) {
  const kernels::LinearWeight value = operand(weight);
  const Var w = weight_var(tape, weight);
  const Var b = bias_var(tape, bias);
  Tensor y = product(tape.stream(), x.value(), value, bias);
  return tape.record("linear", y, {x, w, b},
                     [value, x_saved = tape.save(x, w.wanted()), x = x.slot(), w = w.slot(), b = b.slot()](
                         std::span<Tensor> dys, GradSink& grads) {
                       Stream& stream = grads.stream();
                       bias_gradient(grads, b, dys[0]);
                       if (w.wanted())
                         kernels::linear_weight_gradient(stream, grads.accumulator(w), dys[0], x_saved.get(stream));
                       if (x.wanted()) grads.add(x, input_gradient(stream, dys[0], value));
                     });
}

Var lora_linear(Tape& tape, const Var& x, const Var& dropped, const Weight& weight, const ParameterPtr& bias,
                const LoraPair& lora) {
  Stream& stream = tape.stream();
  const kernels::LinearWeight value = operand(weight);
  const Var w = weight_var(tape, weight);
  const Var b = bias_var(tape, bias), lora_a = tape.parameter(lora.a), lora_b = tape.parameter(lora.b);
  Tensor y = product(stream, x.value(), value, bias);
  Tensor low(stream, {x.value().rows(), lora_a.value().rows()}, x.value().dtype());  // x aᵀ, kept: the rank is small
  kernels::linear(stream, low, dropped.value(), lora_a.value());
  kernels::linear(stream, y, low, lora_b.value(), 1, lora.scale);
  return tape.record(
      "lora_linear", y, {x, dropped, w, b, lora_a, lora_b},
      [value, lora, low, x_saved = tape.save(x, w.wanted()), dropped_saved = tape.save(dropped, lora_a.wanted()),
       x = x.slot(), dropped = dropped.slot(), w = w.slot(), b = b.slot(), lora_a = lora_a.slot(),
       lora_b = lora_b.slot()](std::span<Tensor> dys, GradSink& grads) {
        Stream& stream = grads.stream();
        const Tensor& dy = dys[0];
        bias_gradient(grads, b, dy);
        if (w.wanted()) kernels::linear_weight_gradient(stream, grads.accumulator(w), dy, x_saved.get(stream));
        if (lora_b.wanted()) kernels::linear_weight_gradient(stream, grads.accumulator(lora_b), dy, low, lora.scale);
        Tensor dlow(stream, low.shape(), low.dtype());
        kernels::linear_input_gradient(stream, dlow, dy, lora.b->value, 0, lora.scale);
        if (lora_a.wanted())
          kernels::linear_weight_gradient(stream, grads.accumulator(lora_a), dlow, dropped_saved.get(stream));
        if (!x.wanted() && !dropped.wanted()) return;
        Tensor dx = input_gradient(stream, dy, value);
        if (dropped == x) {  // no dropout: one gradient, one buffer
          kernels::linear_input_gradient(stream, dx, dlow, lora.a->value, 1);
        } else {
          Tensor ddropped(stream, dx.shape(), dx.dtype());
          kernels::linear_input_gradient(stream, ddropped, dlow, lora.a->value);
          grads.add(dropped, std::move(ddropped));
        }
        grads.add(x, std::move(dx));
      });
}

}  // namespace hone::autograd
