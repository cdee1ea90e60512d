#include "trainer/model/lora.h"

#include <algorithm>
#include <cmath>
#include <regex>

#include "kernels/core/random.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/host/text.h"
#include "trainer/plan/memory.h"

namespace hone::trainer {

namespace {
constexpr uint16_t kInitialWeights = 100;  // what the random numbers are for; dropout uses 0 to 3

std::vector<Linear*> linears_of(Decoder& model) {
  std::vector<Linear*> all;
  for (Layer& layer : model.layers)
    for (Linear* linear : layer.linears()) all.push_back(linear);
  return all;
}

int64_t outputs(const Linear& linear) {
  if (const auto* parameter = std::get_if<ParameterPtr>(&linear.weight)) return (*parameter)->value.rows();
  return std::get<QuantizedTensor>(linear.weight).rows();
}
int64_t inputs(const Linear& linear) {
  if (const auto* parameter = std::get_if<ParameterPtr>(&linear.weight)) return (*parameter)->value.width();
  return std::get<QuantizedTensor>(linear.weight).width();
}

bool ends_with_part(const std::string& name, const std::string& part) {
  return name == part || name.ends_with("." + part);
}

std::vector<Linear*> chosen(Decoder& model, const std::vector<std::string>& entries) {
  std::vector<Linear*> all = linears_of(model), result;
  std::vector<std::string> parts;  // what an entry may be: the last part of a name
  for (const Linear* linear : all) parts.push_back(linear->name.substr(linear->name.rfind('.') + 1));
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  for (const std::string& entry : entries) {
    if (std::ranges::any_of(all, [&](const Linear* linear) { return ends_with_part(linear->name, entry); })) continue;
    const auto near = nearest(entry, parts);
    std::string known;
    for (const std::string& part : parts) known += (known.empty() ? "" : ", ") + part;
    fail(ExitCode::usage, "adapter.target_modules: no linear layer is named ", entry,
         near ? "; did you mean " + *near + "?" : "", " (the model has ", known, ")");
  }
  for (Linear* linear : all)
    if (std::ranges::any_of(entries, [&](const std::string& entry) { return ends_with_part(linear->name, entry); }))
      result.push_back(linear);
  return result;
}

std::vector<Linear*> chosen(Decoder& model, const Pattern& pattern) {
  std::vector<Linear*> result;
  try {
    const std::regex expression(pattern.regex);
    for (Linear* linear : linears_of(model))
      if (std::regex_match(linear->name, expression)) result.push_back(linear);
  } catch (const std::regex_error&) {
    fail(ExitCode::usage, "adapter.target_modules: not a regular expression: ", pattern.regex);
  }
  require(!result.empty(), ExitCode::usage, "adapter.target_modules: ", pattern.regex,
          " matches no linear layer; names look like ", model.layers.front().o.name);
  return result;
}

// For PEFT: these linear layers of the text model. A list would mean those of the vision model too.
std::string text_model_pattern(std::string_view root, const std::vector<std::string>& parts) {
  std::string escaped, any;
  for (const char c : root) escaped += c == '.' ? std::string("\\.") : std::string(1, c);
  for (const std::string& part : parts) any += (any.empty() ? "" : "|") + part;
  return joined(escaped, "layers\\.\\d+\\..+\\.(", any, ")");
}

ParameterPtr parameter(Stream& stream, const Decoder& model, const std::string& name, const Shape& shape,
                       std::span<const float> values, bool trainable) {
  const MemoryScope scope = memory_for(stream, Memory::trained);
  Tensor value(stream, shape, wide_of(model.dtype));  // trained values stay wide
  if (stream.device().type != DeviceType::meta) {
    Tensor single(stream, shape, DType::float32);
    single.write(values);
    kernels::convert(stream, value, single);
  }
  return std::make_shared<Parameter>(Parameter{name, value, {}, trainable, true});
}
}  // namespace

void add_lora(Stream& stream, Decoder& model, const LoraOptions& options) {
  const std::vector<Linear*> targets = std::visit(
      [&](const auto& wanted) {
        if constexpr (std::is_same_v<std::decay_t<decltype(wanted)>, AllLinear>) {
          return linears_of(model);
        } else {
          return chosen(model, wanted);
        }
      },
      options.targets);
  const std::vector<Linear*> all = linears_of(model);
  const bool meta = stream.device().type == DeviceType::meta;
  for (Linear* linear : targets) {
    const int64_t in = inputs(*linear), out = outputs(*linear);
    const double bound = 1 / std::sqrt(double(in));
    const auto number = uint16_t(std::ranges::find(all, linear) - all.begin());
    std::vector<float> a(meta ? 0 : size_t(options.rank * in)), b(meta ? 0 : size_t(out * options.rank), 0.0f);
    for (size_t i = 0; i < a.size(); ++i) {
      const uint32_t drawn =
          random_block(RandomKey{.seed = options.seed}.at(number, kInitialWeights), uint32_t(i / 4))[i % 4];
      a[i] = float(bound * (drawn / 2147483648.0 - 1));
    }
    linear->lora = LoraPair{
        .a = parameter(stream, model, linear->name + ".lora_A", {options.rank, in}, a, true),
        .b = parameter(stream, model, linear->name + ".lora_B", {out, options.rank}, b, true),
        .scale = options.alpha / (options.rank_stabilised ? std::sqrt(double(options.rank)) : double(options.rank))};
  }
  model.lora_dropout = options.dropout;
}

void add_lora(Stream& stream, Decoder& model, const checkpoints::LoraAdapter& adapter, bool trainable) {
  std::vector<Linear*> all = linears_of(model);
  for (const checkpoints::LoraModule& module : adapter.modules) {
    const auto found = std::ranges::find(all, module.module, &Linear::name);
    require(found != all.end(), ExitCode::input, "adapter: the model has no linear layer ", module.module,
            "; was the adapter made for another model?");
    Linear& linear = **found;
    require(module.in == inputs(linear) && module.out == outputs(linear), ExitCode::input, "adapter: ", module.module,
            ": expected ", outputs(linear), " x ", inputs(linear), " as in the model, got ", module.out, " x ",
            module.in, "; was the adapter made for another model?");
    linear.lora =
        LoraPair{.a = parameter(stream, model, linear.name + ".lora_A", {module.rank, module.in}, module.a, trainable),
                 .b = parameter(stream, model, linear.name + ".lora_B", {module.out, module.rank}, module.b, trainable),
                 .scale = adapter.scale(module)};
  }
  model.lora_dropout = trainable ? adapter.dropout : 0;
}

checkpoints::LoraAdapter adapter_of(const Decoder& model, const LoraOptions& options, const std::string& base_model) {
  checkpoints::LoraAdapter adapter;
  adapter.r = options.rank;
  adapter.alpha = options.alpha;
  adapter.dropout = options.dropout;
  adapter.use_rslora = options.rank_stabilised;
  adapter.base_model = base_model;
  adapter.rank_pattern = options.rank_pattern;
  adapter.alpha_pattern = options.alpha_pattern;
  const auto narrowed = [](const Tensor& value) {
    if (value.dtype() == DType::float32) return value.to_host<float>();
    const std::vector<double> wide = value.to_host<double>();
    return std::vector<float>(wide.begin(), wide.end());
  };
  std::vector<std::string> names;
  for (const Layer& layer : model.layers)
    for (const Linear* linear : layer.linears()) {
      if (!linear->lora) continue;
      const Tensor &a = linear->lora->a->value, &b = linear->lora->b->value;
      checkpoints::LoraModule module;
      module.module = linear->name;
      module.rank = a.rows(), module.in = a.width(), module.out = b.rows();
      module.alpha = options.alpha;
      module.a = narrowed(a), module.b = narrowed(b);
      adapter.modules.push_back(std::move(module));
      names.push_back(linear->name.substr(linear->name.rfind('.') + 1));
    }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (const auto* pattern = std::get_if<Pattern>(&options.targets)) {
    adapter.target_modules = pattern->regex;
  } else if (!model.config.family->text_config.empty()) {
    adapter.target_modules = text_model_pattern(model.config.family->names.root, names);  // not in the vision model
  } else if (const auto* list = std::get_if<std::vector<std::string>>(&options.targets)) {
    adapter.target_modules = *list;
  } else {
    adapter.target_modules = names;
  }
  return adapter;
}

LoraOptions options_of(const checkpoints::LoraAdapter& adapter) {
  LoraOptions options{.rank = adapter.r,
                      .alpha = adapter.alpha,
                      .dropout = adapter.dropout,
                      .rank_stabilised = adapter.use_rslora,
                      .rank_pattern = adapter.rank_pattern,
                      .alpha_pattern = adapter.alpha_pattern};
  std::visit(
      [&](const auto& wanted) {
        if constexpr (std::is_same_v<std::decay_t<decltype(wanted)>, std::string>) {
          options.targets = Pattern{wanted};
        } else {
          options.targets = wanted;
        }
      },
      adapter.target_modules);
  return options;
}

}  // namespace hone::trainer
