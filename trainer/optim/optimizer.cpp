#include "trainer/optim/optimizer.h"

namespace hone::trainer {

Optimizer::Optimizer(Stream& stream, autograd::ParameterSet& parameters, const kernels::AdamW& options,
                     OptimizerKind kind)
    : options_(options) {
  const MemoryScope scope = memory_for(stream, Memory::optimizer);
  const Tensor& values = parameters.values();
  if (kind == OptimizerKind::adamw_8bit) {
    moments_ = Moments8{kernels::moment8(stream, values.elements()), kernels::moment8(stream, values.elements())};
  } else {
    Moments moments{Tensor(stream, values.shape(), values.dtype()), Tensor(stream, values.shape(), values.dtype())};
    kernels::fill(stream, moments.first, 0), kernels::fill(stream, moments.second, 0);
    moments_ = moments;
  }
  steps_ = Tensor::zeros(stream, {1}, DType::float64);
}

void Optimizer::step(Stream& stream, autograd::ParameterSet& parameters, double rate, const Totals& totals) {
  if (auto* moments = std::get_if<Moments8>(&moments_)) {
    kernels::adamw8(stream, parameters.values(), moments->first, moments->second, steps_, parameters.gradients(),
                    totals.tensor(), options_, rate, parameters.decay_end());
  } else {
    auto& [first, second] = std::get<Moments>(moments_);
    kernels::adamw(stream, parameters.values(), first, second, steps_, parameters.gradients(), totals.tensor(),
                   options_, rate, parameters.decay_end());
  }
}

std::vector<Optimizer::Array> Optimizer::state() const {
  if (const auto* moments = std::get_if<Moments8>(&moments_))
    return {{"first_moment_codes", moments->first.codes},
            {"first_moment_scales", moments->first.absmax},
            {"second_moment_codes", moments->second.codes},
            {"second_moment_scales", moments->second.absmax},
            {"optimizer_steps", steps_}};
  const auto& [first, second] = std::get<Moments>(moments_);
  return {{"first_moments", first}, {"second_moments", second}, {"optimizer_steps", steps_}};
}

}  // namespace hone::trainer
