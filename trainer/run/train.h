// `hone train`: one run from recipe to adapter.
#pragma once
#include <functional>
#include <ostream>

#include "kernels/host/error.h"
#include "recipes/recipe.h"
#include "trainer/report/progress.h"

namespace hone::trainer {

struct TrainCommand {
  bool resume = false;
  Screen screen;                       // where its lines go
  std::string recipe_name = "RECIPE";  // as typed, for the command that goes on
  std::string version;
  std::function<bool()> stop_wanted = [] { return false; };  // asked after each step
};

// Returns ExitCode::done, or ExitCode::stopped after a checkpoint was written because a stop was wanted.
ExitCode train(const recipes::Recipe&, const TrainCommand&, std::ostream& screen);

}  // namespace hone::trainer
