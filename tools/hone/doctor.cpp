// hone doctor [--seconds 1] [--require-gpu] [--json]
#include <iostream>

#include "tools/hone/environment.h"
#include "tools/hone/verbs.h"
#include "trainer/machine/checks.h"

namespace hone::tools {

void add_doctor(CLI::App& app, Exit&) {
  struct Arguments {
    double seconds = 1;
    bool require_gpu = false, json = false;
  };
  CLI::App* verb = app.add_subcommand("doctor", "what this machine has and gives, and what is wrong with it");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("--seconds", arguments->seconds, "of each measurement (1); 0 measures nothing")
      ->check(CLI::Range(0.0, 60.0));
  verb->add_flag("--require-gpu", arguments->require_gpu, "exit with 6 where no GPU can be used");
  verb->add_flag("--json", arguments->json, "the same for programs, sizes in bytes");
  verb->callback([arguments] {
    const trainer::Screen screen = standard_output();
    if (screen.terminal && arguments->seconds > 0) std::cerr << "measuring for some seconds …" << std::endl;
    const trainer::Machine machine = trainer::look_at_machine({.folder = ".", .seconds = arguments->seconds});
    if (arguments->json) {
      OrderedJson json{{"hone", HONE_VERSION}};
      json.update(trainer::doctor_json(machine));
      std::cout << json.dump(2) << "\n";
    } else {
      std::cout << trainer::doctor_text(machine,
                                        {.width = screen.width(), .utf8 = screen.utf8, .colour = screen.colour});
    }
    require(!arguments->require_gpu || machine.has_working_gpu(), ExitCode::gpu,
            "no GPU can be used: ", machine.why_no_gpu());
  });
}

}  // namespace hone::tools
