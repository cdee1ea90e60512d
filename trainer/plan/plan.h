// What the planner decides of a run: one word a layer, and how much of the loss exists at a time.
#pragma once
#include <vector>

#include "autograd/recompute.h"
#include "kernels/linear_cross_entropy/linear_cross_entropy.h"

namespace hone::trainer {

struct Plan {
  std::vector<autograd::Recompute> recompute;  // one a layer; empty: nothing is recomputed
  int64_t loss_chunk = kernels::kLossChunk;     // labelled positions that have logits at a time
};

}  // namespace hone::trainer
