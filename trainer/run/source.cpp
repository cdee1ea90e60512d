#include "trainer/run/source.h"

#include <algorithm>

#include "kernels/host/error.h"
#include "trainer/run/chat_format.h"
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
  const fs::path model = source.recipe.model.path;
  if (!layout.empty()) {
    recipes::DataSection data = source.recipe.data;
    if (layout != "template") data.chat_template.clear();
    data.chat_layout = layout == "template" ? recipes::ChatLayout::chat_template
                       : layout == "chatml" ? recipes::ChatLayout::chatml
                       : layout == "llama3" ? recipes::ChatLayout::llama3
                                            : recipes::ChatLayout::plain;
    return {.chat = chat_format_of(data, model, tokenizer)};
  }
  if (source.kind == ModelSource::Kind::model) {
    if (auto chat = chat_format_of(model, tokenizer)) return {.chat = std::move(chat)};
    return {.kind = data::RowKind::text};
  }
  Conversation::Style style;
  const std::vector<recipes::DataFile>& files = source.recipe.data.train;
  const bool talks = files.empty() || std::ranges::any_of(files, [](const recipes::DataFile& file) {
                       return file.turns || data::kind(kind_of(file.type)).form == data::Form::chat;
                     });
  if (!talks) style.kind = kind_of(files[0].type);
  if (style.kind == data::RowKind::tokens) style.kind = data::RowKind::text;
  if (talks) style.chat = chat_format_of(source.recipe.data, model, tokenizer);
  return style;
}

}  // namespace hone::trainer
