// Finite differences through the real kernels and the real tape, in float64, with a random cotangent for every output.
#pragma once
#include "autograd/tape.h"
#include "kernels/core/random.h"

namespace hone::test {

using autograd::GradSink, autograd::ParameterPtr, autograd::Slot, autograd::Tape, autograd::Var;
using Function = std::function<std::vector<Var>(Tape&, std::span<const Var>)>;

Tensor random_tensor(Stream&, Shape, uint64_t seed, DType = DType::float64);  // uniform in (-1, 1)
ParameterPtr random_parameter(Stream&, std::string name, Shape, uint64_t seed, bool trainable = true,
                              DType = DType::float64);

// Compares the gradient of every leaf and every trainable parameter; returns the worst max|a - n| / max|n|. Each
// parameter must be in `parameters` once; its accumulator starts at 1, so that an op that overwrites instead of adding
// is seen.
double gradient_error(Stream&, const Function&, const std::vector<Tensor>& leaves,
                      const std::vector<ParameterPtr>& parameters = {});

}  // namespace hone::test
