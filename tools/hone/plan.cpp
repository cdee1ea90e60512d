// hone plan RECIPE [--set key=value]… [--device cpu|cuda] [--gpu h100] [--memory 78GiB] [--json]
#include <iostream>

#include "kernels/host/text.h"
#include "tools/hone/environment.h"
#include "tools/hone/verbs.h"
#include "trainer/run/planning.h"

namespace hone::tools {

void add_plan(CLI::App& app, Exit& exit) {
  struct Arguments {
    std::string device, gpu, memory;
    bool json = false;
  };
  CLI::App* verb = app.add_subcommand("plan", "say whether a run fits and how long it takes; start nothing");
  const auto recipe = add_recipe_arguments(*verb);
  const auto arguments = std::make_shared<Arguments>();
  CLI::Option* const device = verb->add_option("--device", arguments->device, "as --set model.device=");
  device->check(CLI::IsMember({"cpu", "cuda"}));
  std::string names;
  for (const trainer::Gpu& gpu : trainer::known_gpus()) names += (names.empty() ? "{" : ",") + std::string(gpu.name);
  verb->add_option("--gpu", arguments->gpu, "plan memory and time for this GPU, wherever you are")
      ->type_name(names + "}")
      ->excludes(device);
  verb->add_option("--memory", arguments->memory, "plan for this much memory, not for what is free here: 78GiB");
  verb->add_flag("--json", arguments->json, "the same for programs, sizes in bytes");
  verb->callback([recipe, arguments, &exit] {
    std::optional<uint64_t> memory;
    if (!arguments->memory.empty()) {
      memory = parse_bytes(arguments->memory);
      require(memory && *memory > 0, ExitCode::usage, "--memory: expected a size as 78GiB, got ", arguments->memory);
    }
    if (!arguments->device.empty()) recipe->overrides.push_back("model.device=" + arguments->device);
    const trainer::Gpu* const gpu = arguments->gpu.empty() ? nullptr : &trainer::gpu_called(arguments->gpu);
    recipes::Recipe run = recipe->read(recipes::Needs::model);
    if (run.model.shape.empty()) run = recipe->read();  // a known shape needs no data
    const trainer::Forecast plan = trainer::plan_recipe(run, memory, gpu);
    const trainer::Screen screen = standard_output();
    std::cout << (arguments->json ? plan.json().dump(2) + "\n"
                                  : plan.text({.width = screen.width(), .utf8 = screen.utf8, .colour = screen.colour}));
    if (plan.disk.lacking > 0) exit.code = ExitCode::io;
    if (!plan.fits()) exit.code = ExitCode::memory;
  });
}

}  // namespace hone::tools
