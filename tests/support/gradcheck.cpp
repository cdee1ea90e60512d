#include "tests/support/gradcheck.h"

#include "tests/support/tolerances.h"

#include "kernels/elementwise/elementwise.h"

namespace hone::test {

Tensor random_tensor(Stream& stream, Shape shape, uint64_t seed, DType dtype) {
  const auto value = [&](size_t i) { return random_block({.seed = seed}, uint32_t(i))[0] / 2147483648.0 - 1; };
  if (dtype == DType::float64) {
    std::vector<double> values(shape.elements());
    for (size_t i = 0; i < values.size(); ++i) values[i] = value(i);
    return Tensor::from(stream, shape, values);
  }
  std::vector<float> values(shape.elements());
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(value(i));
  return Tensor::from(stream, shape, values);
}

ParameterPtr random_parameter(Stream& stream, std::string name, Shape shape, uint64_t seed, bool trainable,
                              DType dtype) {
  return std::make_shared<autograd::Parameter>(
      autograd::Parameter{std::move(name), random_tensor(stream, shape, seed, dtype), {}, trainable, true});
}

namespace {
// sum over outputs of <output, cotangent>; the tape's outputs are wanted only when the gradient is asked for
std::vector<Tensor> cotangents(Stream& stream, const std::vector<Var>& outputs) {
  std::vector<Tensor> seeds;
  for (size_t i = 0; i < outputs.size(); ++i)
    seeds.push_back(random_tensor(stream, outputs[i].value().shape(), 1000 + i));
  return seeds;
}
double objective(Stream& stream, const Function& function, const std::vector<Tensor>& leaves) {
  Tape tape = Tape::inference(stream);
  std::vector<Var> vars;
  for (const Tensor& leaf : leaves) vars.push_back(tape.constant(leaf));
  const std::vector<Var> outputs = function(tape, vars);
  const std::vector<Tensor> seeds = cotangents(stream, outputs);
  double sum = 0;
  for (size_t o = 0; o < outputs.size(); ++o) {
    const std::vector<double> y = outputs[o].value().to_host<double>(), c = seeds[o].to_host<double>();
    for (size_t i = 0; i < y.size(); ++i) sum += y[i] * c[i];
  }
  return sum;
}
}  // namespace

double gradient_error(Stream& stream, const Function& function, const std::vector<Tensor>& leaves,
                      const std::vector<ParameterPtr>& parameters) {
  for (const ParameterPtr& p : parameters) {
    p->grad = Tensor(stream, p->value.shape(), p->value.dtype());
    kernels::fill(stream, p->grad, 1);
  }
  std::vector<Tensor> points = leaves, analytic;
  {
    Tape tape(stream);
    std::vector<Slot> ins, outs;
    std::vector<Tensor> seeds;
    {
      std::vector<Var> vars;
      for (const Tensor& leaf : leaves) vars.push_back(tape.leaf(leaf)), ins.push_back(vars.back().slot());
      const std::vector<Var> outputs = function(tape, vars);
      for (const Var& y : outputs) outs.push_back(y.slot());
      seeds = cotangents(stream, outputs);
    }
    tape.backward(outs, seeds);
    for (const Slot& slot : ins) analytic.push_back(tape.take_gradient(slot));
  }
  for (const ParameterPtr& p : parameters)
    if (p->trainable) {
      points.push_back(p->value);
      Tensor ones(stream, p->value.shape(), DType::float64), grad(stream, p->value.shape(), DType::float64);
      kernels::fill(stream, ones, -1);
      kernels::add(stream, grad, p->grad, ones);
      analytic.push_back(grad);
    }
  double worst = 0;
  for (size_t p = 0; p < points.size(); ++p) {
    require(bool(analytic[p]), "input ", p, " got no gradient");
    std::vector<double> numeric(points[p].elements());
    double* const x = points[p].data<double>();
    for (size_t i = 0; i < numeric.size(); ++i) {
      const double before = x[i], h = 1e-5;
      x[i] = before + h;
      const double up = objective(stream, function, leaves);
      x[i] = before - h;
      const double down = objective(stream, function, leaves);
      x[i] = before;
      numeric[i] = (up - down) / (2 * h);
    }
    worst = std::max(worst, relative_error(analytic[p].to_host<double>(), numeric));
  }
  return worst;
}

}  // namespace hone::test
