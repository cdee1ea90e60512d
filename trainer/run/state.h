// A run between two optimiser steps, as the state store keeps it. Randomness and data position are functions of the
// step, so parameters, moments and the step are all there is.
#pragma once
#include "checkpoints/state/state_store.h"
#include "trainer/train_loop.h"

namespace hone::trainer {

// `facts` travel with the arrays: what the run was (recipe, base, data), tokens seen, seconds.
checkpoints::TrainingState state_of(TrainLoop&, Json facts);
// Overwrites parameters, moments and the step. Errors (ExitCode::input): arrays of another size.
void restore(TrainLoop&, const checkpoints::TrainingState&);

// What a resumed run may change and what not: compares the facts of the checkpoint with those of this start. Errors
// (ExitCode::usage): each fact that must not change, with both values. Returns a line for each allowed change that
// alters the course of the run.
std::vector<std::string> check_resume(const Json& saved, const Json& now);

}  // namespace hone::trainer
