// hone generate RECIPE_OR_MODEL_DIR [--adapter DIR] --prompt TEXT [--max-new-tokens N] [--json]
#include <iostream>

#include "tools/hone/verbs.h"
#include "trainer/run/setup.h"

namespace hone::tools {

namespace {
struct GenerateArguments {
  std::string what, adapter, prompt;
  std::vector<std::string> overrides;
  trainer::SamplingOptions sampling;
  bool json = false;
};

void run(const GenerateArguments& arguments) {
  recipes::Recipe recipe;
  if (fs::is_directory(arguments.what)) {  // a model as it stands, not quantised
    recipe.model.path = arguments.what;
    recipe.model.quantization = recipes::Quantization::none;
  } else {
    recipe = recipes::read_recipe(arguments.what, arguments.overrides, recipes::Needs::model);
  }
  Stream stream = trainer::make_stream(recipe.model);
  const trainer::Base base(recipe.model.path);
  const std::optional<data::Tokenizer> tokenizer = trainer::find_tokenizer(recipe.model.path);
  require(tokenizer.has_value(), ExitCode::input, recipe.model.path, ": has no tokenizer.json; copy it there");
  const auto adapter = arguments.adapter.empty() ? std::nullopt : std::optional<fs::path>(arguments.adapter);
  const trainer::Decoder model = trainer::load_for_use(stream, recipe, base, adapter);
  const std::vector<int32_t> prompt = trainer::prompt_tokens(*tokenizer, arguments.prompt);
  const std::vector<int32_t> made = trainer::generate(stream, model, prompt, arguments.sampling);
  if (!arguments.json) {
    std::cout << tokenizer->decode(made, true) << '\n';
    return;
  }
  std::cout << OrderedJson{{"prompt", arguments.prompt},
                           {"prompt_ids", prompt},
                           {"text", tokenizer->decode(made, true)},
                           {"ids", made}}
                   .dump()
            << '\n';
}
}  // namespace

void add_generate(CLI::App& app, Exit&) {
  CLI::App* verb = app.add_subcommand("generate", "continue a text with a model, with or without an adapter");
  const auto a = std::make_shared<GenerateArguments>();
  verb->add_option("RECIPE_OR_MODEL_DIR", a->what, "a recipe, or a model directory")->required();
  verb->add_option("--set", a->overrides, "override a key of the recipe")
      ->type_name("KEY=VALUE")
      ->type_size(1)
      ->allow_extra_args(false);
  verb->add_option("--adapter", a->adapter, "adapter folder");
  verb->add_option("--prompt", a->prompt, "text to go on from")->required();
  verb->add_option("--max-new-tokens", a->sampling.max_new_tokens, "tokens to make at most (128)")
      ->check(CLI::Range(1, 1 << 20));
  verb->add_option("--temperature", a->sampling.temperature, "0 takes the likeliest token; 0.8 is lively (0)")
      ->check(CLI::Range(0.0, 100.0));
  verb->add_option("--top-p", a->sampling.top_p, "draw from the likeliest tokens that reach this probability (1)")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--top-k", a->sampling.top_k, "draw from that many likeliest tokens; 0: all (0)")
      ->check(CLI::Range(0, 1 << 24));
  verb->add_option("--seed", a->sampling.seed, "of what is drawn (17)");
  verb->add_flag("--json", a->json, "one JSON object: prompt, prompt_ids, text, ids");
  verb->callback([a] { run(*a); });
}

}  // namespace hone::tools
