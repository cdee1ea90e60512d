// hone man: the manual page, for `hone man | man -l -`
#include <iostream>

#include "tools/hone/option_table.h"
#include "tools/hone/verbs.h"

namespace hone::tools {

void add_man(CLI::App& app, Exit&) {
  CLI::App* verb = app.add_subcommand("man", "the manual page: hone man | man -l -");
  verb->callback([&app] { std::cout << manual_page(app); });
}

}  // namespace hone::tools
