// AdamW over the flat buffers of a ParameterSet.
#pragma once
#include "autograd/parameter.h"
#include "trainer/optim/totals.h"
#include "trainer/plan/memory.h"

namespace hone::trainer {

class Optimizer {
 public:
  Optimizer(Stream& stream, autograd::ParameterSet& parameters, const kernels::AdamW& options) : options_(options) {
    const MemoryScope scope = memory_for(stream, Memory::optimizer);
    for (Tensor* moments : {&first_, &second_})
      *moments = Tensor(stream, parameters.values().shape(), parameters.values().dtype());
    steps_ = Tensor(stream, {1}, DType::float64);
    for (Tensor* state : {&first_, &second_, &steps_}) kernels::fill(stream, *state, 0);
  }
  // One update with learning rate `rate`: divides by the targets, clips, moves. Does nothing where the totals are not
  // finite.
  void step(Stream& stream, autograd::ParameterSet& parameters, double rate, const Totals& totals) {
    kernels::adamw(stream, parameters.values(), first_, second_, steps_, parameters.gradients(), totals.tensor(),
                   options_, rate, parameters.decay_end());
  }
  Tensor& first() { return first_; }    // first moments, flat
  Tensor& second() { return second_; }  // second moments, flat
  Tensor& steps() { return steps_; }    // (1) float64: updates made

 private:
  kernels::AdamW options_;
  Tensor first_, second_, steps_;
};

}  // namespace hone::trainer
