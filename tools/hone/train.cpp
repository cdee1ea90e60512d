// hone train RECIPE [--set key=value]… [--resume]
#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "tools/hone/verbs.h"
#include "trainer/run/train.h"

namespace hone::tools {

namespace {
volatile sig_atomic_t stop_signal = 0;

// The first signal asks the run to stop after its step; a second one ends the program at once. A lost terminal ends
// nothing.
void watch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { stop_signal = signal; };
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGHUP, SIG_IGN);
}
}  // namespace

void add_train(CLI::App& app, Exit& exit) {
  CLI::App* verb = app.add_subcommand("train", "train what a recipe says; Ctrl-C stops after a step, --resume goes on");
  const auto arguments = add_recipe_arguments(*verb);
  const auto resume = std::make_shared<bool>(false);
  verb->add_flag("--resume", *resume, "go on from the newest valid checkpoint of output.dir");
  verb->callback([arguments, resume, &exit] {
    watch_signals();
    const trainer::TrainCommand command{.resume = *resume,
                                        .terminal = ::isatty(STDOUT_FILENO) == 1,
                                        .recipe_name = arguments->file,
                                        .version = HONE_VERSION,
                                        .stop_wanted = [] { return stop_signal != 0; }};
    exit.code = trainer::train(arguments->read(), command, std::cout);
  });
}

}  // namespace hone::tools
