// The ranks of a run. This one is alone, where doing nothing is right.
#pragma once
#include "kernels/core/tensor.h"

namespace hone::trainer {

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const { return 0; }
  virtual int size() const { return 1; }
  // Adds gradients and totals of all ranks; every rank ends with the same bits.
  virtual void all_reduce_sum(Stream&, Tensor& /*gradients*/, Tensor& /*totals*/) {}
};

}  // namespace hone::trainer
