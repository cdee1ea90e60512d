#include "trainer/run/setup.h"

#include <iostream>
#include <thread>

#include "kernels/core/cuda/device.h"
#include "trainer/plan/roofline.h"
#include "trainer/run/cached_base.h"

namespace hone::trainer {

DeviceType device_type(const recipes::ModelSection& model) {
  switch (model.device) {
    case recipes::DeviceChoice::cpu:
      return DeviceType::cpu;
    case recipes::DeviceChoice::cuda:
      return DeviceType::cuda;
    default:
      return cuda_devices().empty() ? DeviceType::cpu : DeviceType::cuda;
  }
}

recipes::Compute compute_of(const recipes::ModelSection& model) {
  using recipes::Compute;
  const bool cuda = device_type(model) == DeviceType::cuda;
  require(!cuda || model.compute != Compute::float32, ExitCode::usage,
          "model.compute: float32: a GPU computes in bfloat16 with float32 sums; use compute: auto, or device: cpu");
  if (model.compute != Compute::automatic) return model.compute;
  return cuda ? Compute::bfloat16 : Compute::float32;
}

bool attention_by_library(const recipes::Recipe& recipe, const Gpu* gpu) {
  if (recipe.training.deterministic || device_type(recipe.model) != DeviceType::cuda) return false;
  if (gpu) return gpu->attention_by_library;
  const std::vector<CudaDevice> gpus = cuda_devices();
  return !gpus.empty() && gpus.front().major == 9 && cuda_attention_library().problem.empty();
}

Stream make_stream(const recipes::ModelSection& model) {
  if (device_type(model) == DeviceType::cuda) return Stream::cuda();
  const int all = std::max(1, int(std::thread::hardware_concurrency()));
  return Stream::cpu(model.threads > 0 ? int(model.threads) : all);
}

std::unique_ptr<Weights> weights_of(const recipes::Recipe& recipe, const Base& base) {
  if (recipe.model.weights == recipes::WeightsFrom::load) return std::make_unique<DirectoryWeights>(base.directory);
  const double deviation = JsonView(base.directory.config(), "config.json").number_or("initializer_range", 0.02);
  return std::make_unique<RandomWeights>(base.config, uint64_t(recipe.training.seed), deviation);
}

LoadOptions load_options(const recipes::Recipe& recipe, bool trainable) {
  return {.dtype = compute_of(recipe.model) == recipes::Compute::bfloat16 ? DType::bfloat16 : DType::float32,
          .quantize = !trainable && recipe.model.quantization == recipes::Quantization::nf4,
          .double_quantization = recipe.model.double_quantization,
          .trainable = trainable};
}

OptimizerKind optimizer_of(const recipes::TrainingSection& training) {
  return training.optimizer == recipes::OptimizerChoice::adamw_8bit ? OptimizerKind::adamw_8bit : OptimizerKind::adamw;
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
