#include "trainer/run/setup.h"

#include <iostream>
#include <thread>

#include "trainer/run/cached_base.h"

namespace hone::trainer {

Stream make_stream(const recipes::ModelSection& model) {
  require(model.device != recipes::DeviceChoice::cuda, ExitCode::gpu,
          "model.device: cuda: the training kernels of this version run on the CPU only; use model.device: cpu");
  const int all = std::max(1, int(std::thread::hardware_concurrency()));
  return Stream::cpu(model.threads > 0 ? int(model.threads) : all);
}

std::unique_ptr<Weights> weights_of(const recipes::Recipe& recipe, const Base& base) {
  if (recipe.model.weights == recipes::WeightsFrom::load) return std::make_unique<DirectoryWeights>(base.directory);
  const double deviation = JsonView(base.directory.config(), "config.json").number_or("initializer_range", 0.02);
  return std::make_unique<RandomWeights>(base.config, uint64_t(recipe.training.seed), deviation);
}

LoadOptions load_options(const recipes::Recipe& recipe, bool trainable) {
  return {.dtype = recipe.model.compute == recipes::Compute::bfloat16 ? DType::bfloat16 : DType::float32,
          .quantize = !trainable && recipe.model.quantization == recipes::Quantization::nf4,
          .double_quantization = recipe.model.double_quantization,
          .trainable = trainable};
}

LoraOptions lora_options(const recipes::AdapterSection& adapter, uint64_t seed) {
  LoraOptions options{.rank = adapter.r,
                      .alpha = adapter.lora_alpha,
                      .dropout = adapter.lora_dropout,
                      .rank_stabilised = adapter.use_rslora,
                      .seed = seed};
  if (const auto* names = std::get_if<std::vector<std::string>>(&adapter.target_modules)) {
    options.targets = *names;
  } else if (const std::string& text = std::get<std::string>(adapter.target_modules); text != "all-linear") {
    options.targets = Pattern{text};
  }
  return options;
}

Decoder load_for_use(Stream& stream, const recipes::Recipe& recipe, const Base& base,
                     const std::optional<fs::path>& adapter) {
  CachedBase cached(recipe, base, load_options(recipe, false),
                    [](const std::string& note) { std::cerr << note << '\n'; });
  Decoder model = cached.load(stream, *weights_of(recipe, base));
  if (adapter) add_lora(stream, model, checkpoints::read_adapter(*adapter), false);
  return model;
}

std::optional<data::Tokenizer> find_tokenizer(const fs::path& model) {
  if (!fs::exists(model / "tokenizer.json")) return {};
  return data::Tokenizer::load(model);
}

data::Tokenizer tokenizer_of(const fs::path& model) {
  std::optional<data::Tokenizer> tokenizer = find_tokenizer(model);
  require(tokenizer.has_value(), ExitCode::input, model.string(), ": has no tokenizer.json; copy it there");
  return *tokenizer;
}

std::vector<int32_t> prompt_tokens(const data::Tokenizer& tokenizer, const std::string& text) {
  std::vector<int32_t> ids = tokenizer.prefix();
  const std::vector<int32_t> body = tokenizer.encode(text);
  ids.insert(ids.end(), body.begin(), body.end());
  if (ids.empty() && tokenizer.bos()) ids.push_back(*tokenizer.bos());
  return ids;
}

}  // namespace hone::trainer
