// The hone program: finds the verb, runs it, turns what goes wrong into a message and an exit code
// (kernels/host/error.h).
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <new>

#include "kernels/host/text.h"
#include "tools/hone/verbs.h"

namespace hone::tools {
namespace {

void print_overview(const CLI::App& app) {
  std::cout << "hone " HONE_VERSION ": fine-tunes language models where the data lives\n\n";
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    const std::string& name = verb->get_name();
    std::cout << "  hone " << name << std::string(12 - std::min<size_t>(name.size(), 11), ' ')
              << verb->get_description() << "\n";
  }
  std::cout << "\nFor example:  hone validate support.yaml --set training.epochs=3\n"
               "hone VERB --help shows a verb's options, README.md explains a recipe.\n";
}

// What the command line should have been, from what the parser could not place.
std::string usage_text(const CLI::App& app, const CLI::ParseError& error) {
  const auto parsed = app.get_subcommands();
  const std::vector<std::string> left = app.remaining(true);
  const auto ending = [](const std::optional<std::string>& near) {
    return near ? "; did you mean " + *near + "?" : "";
  };
  if (parsed.empty() && !left.empty() && !left[0].starts_with('-')) {
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands(nullptr)) names.push_back(verb->get_name());
    return "no verb is called " + left[0] + ending(nearest(left[0], names)) + "  (hone alone lists them)";
  }
  const CLI::App& verb = parsed.empty() ? app : *parsed[0];
  const std::string help = "  (hone " + (parsed.empty() ? "" : verb.get_name() + " ") + "--help)";
  for (const std::string& argument : left) {
    if (!argument.starts_with("-")) continue;
    const std::string name = argument.substr(0, argument.find('='));
    std::vector<std::string> names;
    for (const CLI::Option* option : verb.get_options())
      for (const std::string& known : option->get_lnames()) names.push_back("--" + known);
    return "unknown option " + name + ending(nearest(name, names)) + help;
  }
  if (!left.empty()) return "one argument too many: " + left[0] + help;
  return error.what() + help;
}

int run(int count, char** arguments) {
  CLI::App app;
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "hone " HONE_VERSION);
  Exit exit;
  for (AddVerb* add : kVerbs) add(app, exit);
  try {
    app.parse(count, arguments);
  } catch (const CLI::CallForHelp&) {
    if (app.get_subcommands().empty()) {
      print_overview(app);
    } else {
      std::cout << app.get_subcommands()[0]->help("hone");
    }
    return 0;
  } catch (const CLI::CallForVersion& version) {
    std::cout << version.what() << "\n";
    return 0;
  } catch (const CLI::ParseError& error) {
    fail(ExitCode::usage, usage_text(app, error));
  }
  if (app.get_subcommands().empty()) print_overview(app);
  return int(exit.code);
}

// Whether who reads standard output has gone, as `| head` does: no mistake.
bool reader_gone() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

int guarded_run(int count, char** arguments) {
  const auto say = [](const std::string& text, ExitCode code) {
    std::cout.exceptions(std::ios::goodbit);  // a verb may have set others
    std::cout.flush();
    const bool places = text.find('\n') != text.npos;  // a list of places: each line is one, as editors look for them
    std::cerr << (places ? "" : "hone: ") << text << "\n";
    return int(code);
  };
  try {
    const int code = run(count, arguments);
    if (std::cout.flush() || reader_gone()) return code;
    return say("standard output cannot be written; is its disk full?", ExitCode::io);
  } catch (const Error& error) {
    return say(error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return say("out of memory", ExitCode::memory);
  } catch (const std::ios::failure&) {
    if (reader_gone()) return 0;
    return say("standard output cannot be written; is its disk full?", ExitCode::io);
  } catch (const std::exception& error) {
    return say(joined("this is a bug: ", error.what()), ExitCode::bug);
  }
}

}  // namespace
}  // namespace hone::tools

int main(int count, char** arguments) {
  // A closed standard stream would give its number to the first file that is opened; what is printed would go there.
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) return int(hone::ExitCode::io);
  std::signal(SIGPIPE, SIG_IGN);  // a run goes on when nobody reads its lines
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write, with a message
  std::ios::sync_with_stdio(false);
  return hone::tools::guarded_run(count, arguments);
}
