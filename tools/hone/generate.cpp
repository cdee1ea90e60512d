// hone generate RUN_DIR|RECIPE|MODEL_DIR [--adapter DIR] --prompt TEXT|- [--json], and how tokens are chosen
#include <iostream>
#include <iterator>

#include "tools/hone/verbs.h"
#include "trainer/generation/text_stream.h"
#include "trainer/run/setup.h"

namespace hone::tools {

namespace {
struct GenerateArguments {
  std::string prompt;
  bool json = false;
};

// "-": what standard input holds, without the line's end that a shell puts behind it.
std::string prompt_of(const std::string& given) {
  if (given != "-") return given;
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

void run(const trainer::ModelSource& source, const GenerateArguments& arguments, const SamplingArguments& how) {
  Stream stream = trainer::make_stream(source.recipe.model);
  const trainer::Base base(source.recipe.model.path);
  const data::Tokenizer tokenizer = trainer::tokenizer_of(source.recipe.model.path);
  const trainer::Decoder model = trainer::load_for_use(stream, source.recipe, base, source.adapter);
  const std::string prompt = prompt_of(arguments.prompt);
  const std::vector<int32_t> ids = trainer::prompt_tokens(tokenizer, prompt);
  trainer::TextStream pieces(tokenizer, how.stops);
  std::string text;
  const auto say = [&](const std::string& piece) {
    text += piece;
    if (!arguments.json) std::cout << piece << std::flush;
  };
  if (!arguments.json) std::cout.exceptions(std::ios::badbit);  // nobody reads: an end, not a thousand tokens later
  const std::vector<int32_t> made = trainer::generate(stream, model, ids, how.sampling, [&](int32_t id) {
    say(pieces.add(id));
    return !pieces.stopped();
  });
  say(pieces.finish());
  if (arguments.json) {
    std::cout << OrderedJson{{"prompt", prompt}, {"prompt_ids", ids}, {"text", text}, {"ids", made}}.dump();
  }
  std::cout << '\n';
}
}  // namespace

void add_generate(CLI::App& app, Exit&) {
  CLI::App* verb = app.add_subcommand("generate", "continue a text with a model, with or without an adapter");
  const auto what = add_source_arguments(*verb);
  const auto arguments = std::make_shared<GenerateArguments>();
  verb->add_option("--prompt", arguments->prompt, "text to go on from; -: standard input")->required();
  const auto how = add_sampling_arguments(*verb, 128);
  verb->add_flag("--json", arguments->json, "one JSON object: prompt, prompt_ids, text, ids");
  verb->callback([what, arguments, how] { run(what->read(), *arguments, *how); });
}

}  // namespace hone::tools
