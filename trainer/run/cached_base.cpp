#include "trainer/run/cached_base.h"

#include <algorithm>

#include "kernels/host/clock.h"
#include "kernels/host/hash.h"
#include "kernels/host/text.h"
#include "kernels/nf4/nf4.h"

namespace hone::trainer {

namespace {
checkpoints::Nf4View view_of(const std::string& name, const QuantizedTensor& weight) {
  const auto bytes = [](const Tensor& t) { return std::span(t.data<uint8_t>(), size_t(t.elements())); };
  const auto floats = [](const Tensor& t) { return std::span(t.data<float>(), size_t(t.elements())); };
  checkpoints::Nf4View view;
  view.name = name;
  view.rows = weight.rows(), view.width = weight.width();
  view.codes = bytes(weight.codes);
  view.quant_map = kernels::nf4_levels();
  if (const auto* plain = std::get_if<FloatScales>(&weight.scales)) {
    view.absmax = floats(plain->absmax);
    return view;
  }
  const auto& scales = std::get<NestedScales>(weight.scales);
  view.nested = true, view.offset = scales.offset;
  view.absmax_codes = bytes(scales.codes);
  view.nested_absmax = floats(scales.nested), view.nested_map = floats(scales.map);
  return view;
}

fs::path without_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }  // "a/" is "a"
}  // namespace

fs::path base_caches(const recipes::Recipe& recipe) {
  if (recipe.model.cache == "none") return {};
  return recipe.model.cache != "auto" ? fs::path(recipe.model.cache)
                                      : without_slash(recipe.output.dir).parent_path() / "base-cache";
}

fs::path base_cache_folder(const recipes::Recipe& recipe, const Base& base, const LoadOptions& options) {
  const bool stored = std::ranges::any_of(
      base.directory.names(), [](const std::string& name) { return name.find(".quant_state.") != std::string::npos; });
  const fs::path root = base_caches(recipe);
  if (root.empty() || !options.quantize || stored || !base.directory.has_weights() ||
      recipe.model.weights != recipes::WeightsFrom::load)
    return {};
  std::error_code error;
  const fs::path source = without_slash(fs::weakly_canonical(base.directory.path(), error));
  // One for each model and each way to quantise it: a model that has changed takes the place of its older self.
  return root / joined(source.filename().string(), options.double_quantization ? "-nf4-double-" : "-nf4-",
                       xxh3_of(source.string()).substr(0, 8));
}

CachedBase::CachedBase(const recipes::Recipe& recipe, const Base& base, const LoadOptions& options, Say say)
    : base_(base), options_(options), say_(std::move(say)), folder_(base_cache_folder(recipe, base, options)) {
  if (!folder_.empty())
    origin_ = checkpoints::cache_origin(
        base.directory, {{"quantization", "nf4"}, {"double_quantization", options.double_quantization}});
}

CachedBase::~CachedBase() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

Decoder CachedBase::load(Stream& stream, const Weights& weights) {
  if (!folder_.empty()) try {
      if (const auto cache = checkpoints::open_base_cache(folder_, origin_)) {
        Decoder model = load_decoder(stream, base_.config, DirectoryWeights(*cache), options_);
        read_ = true;
        return model;
      }
    } catch (const std::runtime_error& error) {  // Error, and what std::filesystem throws
      say_(joined("note     the cached base is not used, the model directory is: ", error.what()));
    }
  return load_decoder(stream, base_.config, weights, options_);
}

void CachedBase::keep(const Decoder& model) {
  if (folder_.empty() || read_ || thread_.joinable()) return;
  checkpoints::BaseCacheContents contents;
  const auto add = [&](const Weight& weight, const std::string& name) {
    if (const auto* quantized = std::get_if<QuantizedTensor>(&weight)) {
      held_.push_back(*quantized);
      contents.quantized.push_back(view_of(name, *quantized));
    } else {
      contents.plain.push_back(name);
    }
  };
  for (const Layer& layer : model.layers) {
    for (const ParameterPtr& norm : layer.norms()) contents.plain.push_back(norm->name);
    for (const Linear* linear : layer.linears()) {
      add(linear->weight, linear->stored + ".weight");
      if (linear->bias) contents.plain.push_back(linear->bias->name);
    }
  }
  for (const auto& parameter : {model.embedding, model.norm}) contents.plain.push_back(parameter->name);
  if (const auto* head = std::get_if<ParameterPtr>(&model.head); head && *head != model.embedding)
    contents.plain.push_back((*head)->name);
  thread_ = std::thread([this, contents = std::move(contents)] { write(contents); });
}

void CachedBase::write(const checkpoints::BaseCacheContents& contents) {
  try {
    const Stopwatch watch;
    make_folders(folder_.parent_path());
    const FolderLock lock(folder_.parent_path());  // of all caches there: one writer at a time
    sweep_temporaries(folder_.parent_path());
    if (!checkpoints::write_base_cache(folder_, base_.directory, origin_, contents, stop_)) return;
    char took[32];
    std::snprintf(took, sizeof took, "%.1f s", watch.seconds());
    outcome_ = joined("base     the next start reads its 4 bits from ", folder_.string(), " (written beside the run, ",
                      took, ")");
  } catch (const std::runtime_error& error) {
    outcome_ = joined("note     the quantised base was not kept for the next start: ", error.what());
  }
}

void CachedBase::finish() {
  if (!thread_.joinable()) return;
  thread_.join();
  held_.clear();
  if (!outcome_.empty()) say_(outcome_);
}

}  // namespace hone::trainer
