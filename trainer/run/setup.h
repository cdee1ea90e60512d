// From a recipe to the parts of a run: device, model, adapter, data. Used by every verb that touches a model.
#pragma once
#include <optional>

#include "checkpoints/base/model_directory.h"
#include "data/dataset.h"
#include "data/tokenizer/tokenizer.h"
#include "recipes/recipe.h"
#include "trainer/generation/generate.h"
#include "trainer/model/load.h"
#include "trainer/model/lora.h"
#include "trainer/optim/optimizer.h"
#include "trainer/optim/schedule.h"

namespace hone::trainer {

struct Gpu;  // trainer/plan/roofline.h

// A model directory, opened and read as far as its sizes.
struct Base {
  checkpoints::ModelDirectory directory;
  Config config;
  explicit Base(const fs::path& path)
      : directory(given(path)), config(read_config(JsonView(directory.config(), (path / "config.json").string()))) {}

 private:
  static const fs::path& given(const fs::path& path) {
    require(!path.empty(), ExitCode::usage,
            "model.path is not set; a model's weights are needed here, model.shape has none");
    return path;
  }
};

// What `auto` stands for here. Errors: a type that the device does not compute in.
DeviceType device_type(const recipes::ModelSection&);
recipes::Compute compute_of(const recipes::ModelSection&);

// Whether training takes cuDNN's attention: on compute capability 9.0, where the library is found and the recipe does
// not ask for the same bits again. `gpu`: of that GPU instead of this machine's.
bool attention_by_library(const recipes::Recipe&, const Gpu* gpu = nullptr);

// A stream on the device the recipe names. Error: this build or this machine does not have it.
Stream make_stream(const recipes::ModelSection&);

// Where the recipe's base takes its values from.
std::unique_ptr<Weights> weights_of(const recipes::Recipe&, const Base&);
LoadOptions load_options(const recipes::Recipe&, bool trainable);
LoraOptions lora_options(const recipes::AdapterSection&, uint64_t seed);
OptimizerKind optimizer_of(const recipes::TrainingSection&);

// The base of a recipe, frozen, with the adapter of `adapter` where it is given.
Decoder load_for_use(Stream&, const recipes::Recipe&, const Base&, const std::optional<fs::path>& adapter);

// The tokenizer of a model directory; empty where it has none (rows that are already tokenised need none).
std::optional<data::Tokenizer> find_tokenizer(const fs::path& model);
data::Tokenizer tokenizer_of(const fs::path& model);  // an error (ExitCode::input) where it has none

// Prompt tokens as the model was trained to read them: the start token where its tokenizer adds one.
std::vector<int32_t> prompt_tokens(const data::Tokenizer&, const std::string& text);

}  // namespace hone::trainer
