// hone train RECIPE [--set key=value]… [--resume] [--quiet]
#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "tools/hone/environment.h"
#include "tools/hone/verbs.h"
#include "trainer/run/train.h"

namespace hone::tools {

namespace {
volatile sig_atomic_t stop_signal = 0;
bool answer_at_once = false;  // a step may take long: a terminal is told that the signal was heard

// The first signal asks the run to stop after its step; a second one ends the program at once. A lost terminal ends
// nothing.
void watch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) {
    stop_signal = signal;
    constexpr std::string_view kHeard = "stopping after this step ";
    if (answer_at_once && ::write(STDOUT_FILENO, kHeard.data(), kHeard.size()) < 0) return;
  };
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
  const auto quiet = std::make_shared<bool>(false);
  verb->add_flag("--quiet", *quiet, "only what went wrong and what came out; metrics.jsonl has the rest");
  verb->callback([arguments, resume, quiet, &exit] {
    const trainer::Screen screen = standard_output(*quiet);
    answer_at_once = screen.terminal;
    watch_signals();
    const trainer::TrainCommand command{.resume = *resume,
                                        .screen = screen,
                                        .recipe_name = arguments->as_typed(),
                                        .version = HONE_VERSION,
                                        .stop_wanted = [] { return stop_signal != 0; }};
    exit.code = trainer::train(arguments->read(), command, std::cout);
  });
}

}  // namespace hone::tools
