// hone plan RECIPE [--set key=value]… [--memory 78GiB] [--json]
#include <iostream>

#include "kernels/host/text.h"
#include "tools/hone/environment.h"
#include "tools/hone/verbs.h"
#include "trainer/run/planning.h"

namespace hone::tools {

void add_plan(CLI::App& app, Exit& exit) {
  struct Arguments {
    std::string memory;
    bool json = false;
  };
  CLI::App* verb = app.add_subcommand("plan", "say whether a run fits and how long it takes; start nothing");
  const auto recipe = add_recipe_arguments(*verb);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("--memory", arguments->memory, "plan for this much memory, not for what is free here: 78GiB");
  verb->add_flag("--json", arguments->json, "the same for programs, sizes in bytes");
  verb->callback([recipe, arguments, &exit] {
    std::optional<uint64_t> memory;
    if (!arguments->memory.empty()) {
      memory = parse_bytes(arguments->memory);
      require(memory && *memory > 0, ExitCode::usage, "--memory: expected a size as 78GiB, got ", arguments->memory);
    }
    recipes::Recipe run = recipe->read(recipes::Needs::model);
    if (run.model.shape.empty()) run = recipe->read();  // a known shape needs no data
    const trainer::Forecast plan = trainer::plan_recipe(run, memory);
    const trainer::Screen screen = standard_output();
    std::cout << (arguments->json ? plan.json().dump(2) + "\n"
                                  : plan.text({.width = screen.width(), .utf8 = screen.utf8, .colour = screen.colour}));
    if (plan.disk.lacking > 0) exit.code = ExitCode::io;
    if (!plan.fits()) exit.code = ExitCode::memory;
  });
}

}  // namespace hone::tools
