#include "trainer/run/source.h"

#include <algorithm>

#include "kernels/host/error.h"
#include "trainer/run/corpus.h"

namespace hone::trainer {

ModelSource read_source(const fs::path& what, std::span<const std::string> overrides, const std::string& adapter,
                        recipes::Needs needs) {
  ModelSource source;
  if (!adapter.empty()) source.adapter = adapter;
  if (!fs::is_directory(what)) {
    source.recipe = recipes::read_recipe(what, overrides, needs);
    return source;
  }
  if (!fs::exists(what / "recipe.yaml")) {
    require(fs::exists(what / "config.json"), ExitCode::usage, what.string(),
            ": expected the folder of a run (with recipe.yaml) or a model directory (with config.json), found neither");
    require(overrides.empty(), ExitCode::usage, "--set ", overrides.empty() ? "" : overrides.front(), ": ",
            what.string(), " is a model directory; there is no recipe to change");
    require(needs == recipes::Needs::model, ExitCode::usage, what.string(),
            ": is a model directory, which names no data; give the folder of a run or a recipe");
    source.kind = ModelSource::Kind::model;
    source.recipe.model.path = what;
    source.recipe.model.quantization = recipes::Quantization::none;
    return source;
  }
  source.kind = ModelSource::Kind::run;
  source.recipe = recipes::read_recipe(what / "recipe.yaml", overrides, needs);
  const bool whole = source.recipe.adapter.type == recipes::AdapterType::none;
  const fs::path result = what / (whole ? "model" : "adapter");
  require(fs::is_directory(result) || source.adapter, ExitCode::usage, what.string(), ": has no ",
          result.filename().string(), "/ yet, because its run has not ended. hone train RECIPE --resume ends it");
  if (whole) {
    source.recipe.model.path = result;
    source.recipe.model.quantization = recipes::Quantization::none;
    source.recipe.model.weights = recipes::WeightsFrom::load;
  } else if (!source.adapter) {
    source.adapter = result;
  }
  return source;
}

Conversation::Style style_of(const ModelSource& source, const data::Tokenizer& tokenizer, const std::string& layout) {
  if (layout == "text") return {.kind = data::RowKind::text};
  if (layout == "chatml") return {.layout = data::LayoutKind::chatml};
  if (layout == "llama3") return {.layout = data::LayoutKind::llama3};
  if (layout == "plain") return {.layout = data::LayoutKind::plain};
  if (source.kind == ModelSource::Kind::model) {
    if (tokenizer.id("<|im_start|>") && tokenizer.id("<|im_end|>")) return {.layout = data::LayoutKind::chatml};
    if (tokenizer.id("<|start_header_id|>") && tokenizer.id("<|eot_id|>")) return {.layout = data::LayoutKind::llama3};
    return {.kind = data::RowKind::text};
  }
  Conversation::Style style{.layout = layout_of(source.recipe.data.chat_layout)};
  const std::vector<recipes::DataFile>& files = source.recipe.data.train;
  const bool talks = files.empty() || std::ranges::any_of(files, [](const recipes::DataFile& file) {
                       return data::kind(kind_of(file.type)).form == data::Form::chat;
                     });
  if (!talks) style.kind = kind_of(files[0].type);
  if (style.kind == data::RowKind::tokens) style.kind = data::RowKind::text;
  return style;
}

}  // namespace hone::trainer
