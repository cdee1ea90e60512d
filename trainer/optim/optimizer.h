// AdamW over the flat buffers of a ParameterSet, its moments in float32 or in 8 bits.
#pragma once
#include <variant>

#include "autograd/parameter.h"
#include "kernels/adamw/adamw8.h"
#include "trainer/optim/totals.h"
#include "trainer/plan/memory.h"

namespace hone::trainer {

enum class OptimizerKind { adamw, adamw_8bit };

class Optimizer {
 public:
  // What the set's pieces are padded to: a block of 8-bit moments is of one parameter alone.
  static int64_t padding(OptimizerKind kind) {
    return kind == OptimizerKind::adamw_8bit ? kernels::kMomentBlock : autograd::ParameterSet::kPadding;
  }
  Optimizer(Stream&, autograd::ParameterSet&, const kernels::AdamW&, OptimizerKind);
  // One update with learning rate `rate`: divides by the targets, clips, moves. Does nothing where the totals are not
  // finite.
  void step(Stream&, autograd::ParameterSet&, double rate, const Totals&);

  // All that a resumed run needs beside the parameters: moments, flat, and (1) float64, the updates made.
  struct Array {
    std::string name;
    Tensor tensor;
  };
  std::vector<Array> state() const;

 private:
  struct Moments {
    Tensor first, second;
  };
  struct Moments8 {
    kernels::Moment8 first, second;
  };
  kernels::AdamW options_;
  std::variant<Moments, Moments8> moments_;
  Tensor steps_;
};

}  // namespace hone::trainer
