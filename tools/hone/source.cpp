// The arguments of the verbs that use a model.
#include "tools/hone/verbs.h"

namespace hone::tools {

std::shared_ptr<SourceArguments> add_source_arguments(CLI::App& verb, recipes::Needs needs) {
  auto arguments = std::make_shared<SourceArguments>();
  arguments->needs = needs;
  const bool data = needs == recipes::Needs::all;
  verb.add_option(data ? "RUN" : "MODEL", arguments->what,
                  data ? "the folder of a run, or a recipe" : "the folder of a run, a recipe, or a model directory")
      ->required();
  verb.add_option("--set", arguments->overrides, "override a key of the recipe")
      ->type_name("KEY=VALUE")
      ->type_size(1)
      ->allow_extra_args(false);
  verb.add_option("--adapter", arguments->adapter,
                  joined("adapter folder; without it that of the run, or the base as it is (recipe",
                         data ? ")" : ", model directory)"));
  return arguments;
}

std::shared_ptr<SamplingArguments> add_sampling_arguments(CLI::App& verb, int64_t max_new_tokens) {
  auto arguments = std::make_shared<SamplingArguments>();
  trainer::SamplingOptions& sampling = arguments->sampling;
  sampling.max_new_tokens = max_new_tokens;
  verb.add_option("--max-new-tokens", sampling.max_new_tokens, "tokens to make at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  verb.add_option("--temperature", sampling.temperature, "0 takes the likeliest token; 0.8 is lively")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0));
  verb.add_option("--top-k", sampling.top_k, "draw from that many likeliest tokens; 0: all")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 24));
  verb.add_option("--top-p", sampling.top_p, "draw from the likeliest tokens that reach this probability")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  verb.add_option("--min-p", sampling.min_p, "draw from tokens at least this times as likely as the likeliest")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  verb.add_option("--repetition-penalty", sampling.repetition_penalty,
                  "above 1: tokens that are already there become less likely")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 100.0));
  verb.add_option("--seed", sampling.seed, "of what is drawn")->capture_default_str();
  verb.add_option("--stop", arguments->stops, "end before this text (again for the next)")
      ->type_name("TEXT")
      ->type_size(1)
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return text.empty() ? std::string("expected a text") : std::string(); });
  return arguments;
}

}  // namespace hone::tools
