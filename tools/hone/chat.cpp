// hone chat RUN_DIR|RECIPE|MODEL_DIR [--adapter DIR] [--system TEXT] [--layout NAME] [--context N], and how tokens are
// chosen
#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "kernels/host/text.h"
#include "tools/hone/verbs.h"
#include "trainer/generation/chat.h"
#include "trainer/run/setup.h"

namespace hone::tools {

namespace {
constexpr int64_t kContext = 4096;

struct ChatArguments {
  std::string system, layout;
  int64_t context = 0;
};

volatile sig_atomic_t interrupted = 0;

// While an answer is made, the first Ctrl-C only stops it; at any other time it ends the program.
void watch_interrupt(bool answering) {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  if (answering) action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
}

int64_t context_of(const trainer::Config& config, int64_t wanted) {
  const int64_t most = config.max_positions;
  require(wanted == 0 || most == 0 || wanted <= most, ExitCode::usage, "--context ", wanted, ": the model has ", most,
          " positions");
  if (wanted > 0) return wanted;
  return most > 0 ? std::min(most, kContext) : kContext;
}

std::string words_of(const trainer::Conversation::Style& style) {
  if (style.kind == data::RowKind::messages) return "layout " + style.chat->name();
  const bool alpaca = style.kind == data::RowKind::alpaca, text = style.kind == data::RowKind::text;
  return alpaca ? "each line is an instruction of its own"
         : text ? "each line is a text to go on from"
                : "each line is a prompt of its own";
}

void run(const trainer::ModelSource& source, const ChatArguments& arguments, const SamplingArguments& how) {
  Stream stream = trainer::make_stream(source.recipe.model);
  const trainer::Base base(source.recipe.model.path);
  const data::Tokenizer tokenizer = trainer::tokenizer_of(source.recipe.model.path);
  const trainer::Conversation::Style style = trainer::style_of(source, tokenizer, arguments.layout);
  trainer::Conversation conversation(tokenizer, style, arguments.system);
  trainer::ChatOptions options{.sampling = how.sampling,
                               .stops = how.stops,
                               .context = context_of(base.config, arguments.context),
                               .terminal = ::isatty(STDIN_FILENO) == 1,
                               .answering = watch_interrupt,
                               .interrupted = [] { return interrupted != 0; }};
  const trainer::Decoder model = trainer::load_for_use(stream, source.recipe, base, source.adapter);
  if (options.terminal)
    std::cout << "model    " << source.recipe.model.path << "   "
              << (source.adapter ? "adapter " + source.adapter->string() : "no adapter") << '\n'
              << "chat     " << words_of(style) << ", " << with_commas(options.context) << " tokens of context\n"
              << "         /help lists commands, Ctrl-C stops an answer, Ctrl-D ends\n\n";
  std::cout.exceptions(std::ios::badbit);  // nobody reads any more: an end
  trainer::chat(stream, model, tokenizer, conversation, options, {std::cin, std::cout, std::cerr});
}
}  // namespace

void add_chat(CLI::App& app, Exit&) {
  CLI::App* verb = app.add_subcommand("chat", "talk with a model as it was trained to be talked with");
  const auto what = add_source_arguments(*verb);
  const auto arguments = std::make_shared<ChatArguments>();
  verb->add_option("--system", arguments->system, "text that stands before the conversation");
  verb->add_option(
          "--layout", arguments->layout,
          "template (the model's own), chatml, llama3, plain, or text (what is typed is gone on from); without "
          "it the recipe's, or what the model has")
      ->check(CLI::IsMember({"template", "chatml", "llama3", "plain", "text"}));
  verb->add_option("--context", arguments->context,
                   "tokens that a conversation may hold (the model's positions, at most 4,096)")
      ->check(CLI::Range(2, 1 << 24));
  const auto how = add_sampling_arguments(*verb, 1024);
  verb->callback([what, arguments, how] { run(what->read(), *arguments, *how); });
}

}  // namespace hone::tools
