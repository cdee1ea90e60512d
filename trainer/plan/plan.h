// What the planner decides of a run: one word a layer, and how much of the loss exists at a time.
#pragma once
#include <vector>

#include "autograd/recompute.h"

namespace hone::trainer {

struct Plan {
  std::vector<autograd::Recompute> recompute;  // one a layer; empty: nothing is recomputed
  int64_t loss_chunk = 0;  // labelled positions that have logits at a time; 0: what suits the device
};

}  // namespace hone::trainer
