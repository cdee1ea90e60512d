// Trading arithmetic for memory ("activation checkpointing"; "checkpoint" here means a file).
#pragma once
#include "autograd/tape.h"

namespace hone::autograd {

enum class Recompute : uint8_t {
  none,       // every value a closure needs is kept
  selective,  // outputs that are cheap to make again are remade
  full        // only the inputs of the segment are kept; its forward runs again
};

using Segment = std::function<std::vector<Var>(Tape&, std::span<const Var>)>;
using UnarySegment = std::function<Var(Tape&, const Var&)>;

// Runs `segment`, keeps its inputs, and on the way back runs it again on a tape of its own. The segment must be a
// function of its inputs, parameters and tape.random(): it runs twice, the second time when the caller's frame may be
// gone (capture by value, or what outlives the step). Recorded whenever an output is wanted: frozen inputs with a
// trainable parameter inside count, a segment with nothing to train does not.
std::vector<Var> recompute(Tape&, const std::vector<Var>& inputs, Segment);

// The segment under a policy: the planner's word for one layer.
Var run_segment(Tape&, Recompute, const Var& x, UnarySegment);

}  // namespace hone::autograd
