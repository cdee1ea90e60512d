// hone bench --model SHAPE|MODEL_DIR [--random] [--device cpu|cuda] [--quantization nf4|none] [--tokens 8192] …
#include <iostream>

#include "kernels/host/text.h"
#include "tools/hone/environment.h"
#include "tools/hone/verbs.h"
#include "trainer/run/benchmark.h"

namespace hone::tools {

namespace {
struct BenchArguments {
  std::string model, device, memory, quantization = "nf4", recompute = "auto";
  bool random = false, json = false, deterministic = false;
  int64_t tokens = 8192, sequence = 4096, rank = 16;
  trainer::BenchmarkOptions options;
};

recipes::Recipe recipe_of(const BenchArguments& given) {
  recipes::Recipe recipe;
  const bool folder = fs::is_directory(given.model);
  (folder ? recipe.model.path : recipe.model.shape) = given.model;
  require(folder || given.random, ExitCode::usage, given.model,
          ": a known shape has no weights and no such folder is there; add --random");
  if (given.random) recipe.model.weights = recipes::WeightsFrom::random;
  if (!given.device.empty())
    recipe.model.device = given.device == "cuda" ? recipes::DeviceChoice::cuda : recipes::DeviceChoice::cpu;
  recipe.model.quantization = given.quantization == "nf4" ? recipes::Quantization::nf4 : recipes::Quantization::none;
  if (given.rank > 0) {
    recipe.adapter.r = given.rank, recipe.adapter.lora_alpha = double(2 * given.rank);
  } else {
    recipe.adapter.type = recipes::AdapterType::none, recipe.model.quantization = recipes::Quantization::none;
  }
  const int64_t sequence = std::min(given.sequence, given.tokens);
  require(given.tokens % sequence == 0, ExitCode::usage, "--tokens ", given.tokens,
          " must be a multiple of --sequence ", sequence);
  recipe.data.max_length = sequence, recipe.training.micro_batch_size = given.tokens / sequence;
  recipe.training.deterministic = given.deterministic;
  using recipes::RecomputeChoice;
  recipe.training.recompute = given.recompute == "none"        ? RecomputeChoice::none
                              : given.recompute == "selective" ? RecomputeChoice::selective
                              : given.recompute == "full"      ? RecomputeChoice::full
                                                               : RecomputeChoice::automatic;
  return recipe;
}
}  // namespace

void add_bench(CLI::App& app, Exit&) {
  CLI::App* verb =
      app.add_subcommand("bench", "measure training steps of a model here, with random weights and tokens");
  const auto given = std::make_shared<BenchArguments>();
  verb->add_option("--model", given->model, "a known shape (llama-3.1-8b) or a model directory")->required();
  verb->add_flag("--random", given->random, "random values in the place of the model's: nothing is read");
  verb->add_option("--device", given->device, "cuda where there is one, else cpu")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  verb->add_option("--quantization", given->quantization, "of the frozen base (nf4)")
      ->check(CLI::IsMember({"nf4", "none"}));
  verb->add_option("--tokens", given->tokens, "of a step (8192)")->check(CLI::PositiveNumber);
  verb->add_option("--sequence", given->sequence, "tokens of a document (4096)")->check(CLI::PositiveNumber);
  verb->add_option("--steps", given->options.steps, "that are measured (50)")->check(CLI::PositiveNumber);
  verb->add_option("--warm-up", given->options.warm_up, "steps before (10)")->check(CLI::NonNegativeNumber);
  verb->add_option("--rank", given->rank, "of the adapter on all linear layers (16); 0: every parameter is trained")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--recompute", given->recompute, "as training.recompute (auto)")
      ->check(CLI::IsMember({"auto", "none", "selective", "full"}));
  verb->add_flag("--deterministic", given->deterministic, "as training.deterministic");
  verb->add_flag("--json", given->json, "the same for programs");
  verb->add_option("--memory", given->memory, "plan for this much memory, not for what is free here: 28GiB");
  verb->callback([given] {
    if (!given->memory.empty()) {
      const std::optional<uint64_t> bytes = parse_bytes(given->memory);
      require(bytes && *bytes > 0, ExitCode::usage, "--memory: expected a size as 78GiB, got ", given->memory);
      given->options.memory = *bytes;
    }
    const trainer::Benchmark done = trainer::benchmark(recipe_of(*given), given->options,
                                                       [](const std::string& line) { std::cerr << line << '\n'; });
    const trainer::Screen screen = standard_output();
    std::cout << (given->json ? done.json().dump(2) + "\n"
                              : done.text({.width = screen.width(), .utf8 = screen.utf8, .colour = screen.colour}));
  });
}

}  // namespace hone::tools
