// hone completion bash|zsh|fish
#include <iostream>

#include "tools/hone/option_table.h"
#include "tools/hone/verbs.h"

namespace hone::tools {

void add_completion(CLI::App& app, Exit&) {
  CLI::App* verb = app.add_subcommand("completion", "a script that lets the shell complete hone's words");
  const auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->callback([&app, shell] {
    std::cout << (*shell == "bash"  ? bash_completion(app)
                  : *shell == "zsh" ? zsh_completion(app)
                                    : fish_completion(app));
  });
}

}  // namespace hone::tools
