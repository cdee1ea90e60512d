// hone prepare RECIPE [--set key=value]… [--rebuild]
#include <unistd.h>

#include <iostream>

#include "kernels/host/clock.h"
#include "kernels/host/text.h"
#include "tools/hone/verbs.h"
#include "trainer/run/corpus.h"

namespace hone::tools {

namespace {
void run(const recipes::Recipe& recipe, bool rebuild) {
  const trainer::Base base(recipe.model.path);
  const std::optional<data::Tokenizer> tokenizer = trainer::find_tokenizer(recipe.model.path);
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const Stopwatch all;
  Stopwatch since;
  bool shown = false;
  const auto progress = [&](const data::PrepareProgress& at) {
    if (since.seconds() < (terminal ? 0.5 : 5)) return;
    since.restart();
    shown = terminal;
    std::cout << (terminal ? "\r\033[K" : "") << "prepare  " << trainer::progress_text(at, all.seconds())
              << (terminal ? "" : "\n") << std::flush;
  };
  const trainer::Corpus corpus =
      trainer::read_corpus(recipe, base, tokenizer, {.rebuild = rebuild, .allow_pairs = true, .progress = progress});
  if (shown) std::cout << "\r\033[K";
  std::cout << corpus.receipt.text();
  const int64_t tokens = corpus.receipt.tokens + (corpus.receipt.evaluation ? corpus.receipt.evaluation->tokens : 0);
  std::cout << "shards   " << corpus.folder.string()
            << (corpus.reused ? "   (there already)"
                              : joined("   (", duration_text(all.seconds()), ", ",
                                       with_commas(int64_t(double(tokens) / all.seconds())), " tok/s)"))
            << "\n";
}
}  // namespace

void add_prepare(CLI::App& app, Exit&) {
  CLI::App* verb =
      app.add_subcommand("prepare", "tokenise a recipe's data into shards; train does it by itself when needed");
  const auto arguments = add_recipe_arguments(*verb);
  const auto rebuild = std::make_shared<bool>(false);
  verb->add_flag("--rebuild", *rebuild, "write the shards anew, whatever is there");
  verb->callback([arguments, rebuild] { run(arguments->read(), *rebuild); });
}

}  // namespace hone::tools
