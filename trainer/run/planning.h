// From a recipe to its forecast: what `hone plan` prints and `hone train` starts with.
#pragma once
#include "trainer/plan/forecast.h"
#include "trainer/run/corpus.h"

namespace hone::trainer {

// What the rows of a run amount to; `total_steps` of it.
Workload workload_of(const recipes::Recipe&, const Corpus&, const std::optional<data::Tokenizer>&, int64_t total_steps);
// The same where no row was looked at: by the recipe alone.
Workload workload_of(const recipes::Recipe&);

// The run as the planner sees it: adapter.path is read where it is set.
RunShape run_shape(const recipes::Recipe&, const Config&, const Workload&, const Gpu* gpu = nullptr);

// Where the run keeps its files, and what is there. `corpus` null: its data is not prepared; `base` null: it is not
// known. `load`: as far as the data was looked at.
Storage storage_of(const recipes::Recipe&, const Base* base, const LoadOptions&, const Corpus* corpus,
                   const Workload& load);

// For a model directory or, with model.shape, without one. `memory`: bytes to plan for; none: what is free here. `gpu`:
// the one to plan for, with its memory and its roofline, whatever this machine and the recipe's model.device are.
Forecast plan_recipe(recipes::Recipe, std::optional<uint64_t> memory, const Gpu* gpu = nullptr);

}  // namespace hone::trainer
