#include "trainer/model/config.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/dtype.h"

namespace hone::trainer {

namespace {
constexpr int64_t kMostLayers = 1000, kMostWidth = 1 << 20, kMostTokens = 1 << 24;

const Family& family_of(const JsonView& config) {
  const std::string type = config.text("model_type");
  std::string known;
  for (const Family& family : kFamilies) {
    if (family.name == type) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.name);
  }
  fail(ExitCode::input, config.where(), ": model_type: \"", type, "\" is not supported; supported: ", known);
}

// A size: what the key says, else the family's default, else the key is missed.
int64_t size_of(const JsonView& config, std::string_view key, int64_t otherwise, int64_t most) {
  return otherwise > 0 ? config.integer_or(key, otherwise, 1, most) : config.integer(key, 1, most);
}

// A number that null turns off; 0: none.
double optional_number(const JsonView& config, const char* key, double otherwise) {
  if (!config.value().contains(key)) return otherwise;
  if (!config.has(key)) return 0;
  const double value = config.number(key);
  require(value > 0, ExitCode::input, config.where(), ": ", key, ": expected a positive number or null, got ", value);
  return value;
}

kernels::Activation activation_of(const JsonView& config, const Family& family) {
  if (!config.has(family.activation_key)) return family.activation;
  const std::string name = config.text(family.activation_key);
  if (name == "silu" || name == "swish") return kernels::Activation::silu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return kernels::Activation::gelu_tanh;
  fail(ExitCode::input, config.where(), ": ", family.activation_key, ": \"", name,
       "\" is not supported; supported: silu, gelu_pytorch_tanh");
}

// What would change the model and is not done.
void refuse_what_is_not_done(const JsonView& config, const Family& family) {
  for (const char* key : {"attention_dropout", "resid_pdrop", "embd_pdrop"})
    require(config.number_or(key, 0) == 0, ExitCode::input, config.where(), ": ", key,
            ": dropout in the base is not done (the adapter's is, lora_dropout); expected 0, got ",
            config.number_or(key, 0), "; set it to 0 to train without");
  require(!config.boolean_or("use_bidirectional_attention", false), ExitCode::input, config.where(),
          ": use_bidirectional_attention: only causal models are supported; expected false");
  const auto no_bias = [&](const char* key) {
    require(!config.boolean_or(key, false), ExitCode::input, config.where(), ": ", key, ": models of type ",
            family.name, " have none; expected false");
  };
  if (family.attention_bias == AttentionBias::never) no_bias("attention_bias");
  if (!family.mlp_bias) no_bias("mlp_bias");
}

// Which weights are in 4 bits the tensors say (checkpoints/base). Of other kinds they would be missing one by one.
void refuse_other_quantization(const JsonView& whole) {
  const auto settings = whole.find("quantization_config");
  if (!settings) return;
  const std::string method = settings->text_or("quant_method", "bitsandbytes");
  const bool in_bytes = settings->boolean_or("load_in_8bit", false);
  require(method == "bitsandbytes" && !in_bytes, ExitCode::input, whole.where(),
          ": quantization_config: expected bitsandbytes in 4 bits (nf4), or none, got ", method,
          in_bytes ? " in 8 bits" : "",
          ". Take the model's files that are not quantised: model.quantization: nf4 makes 4 bits of them");
}

// One a layer; empty where no layer has a window.
std::vector<int64_t> windows_of(const JsonView& config, const Family& family, int64_t layers) {
  int64_t window = family.windows == Windows::none ? 0 : family.defaults.window;
  if (family.windows != Windows::none && config.value().contains("sliding_window"))
    window = config.has("sliding_window") ? config.integer("sliding_window", 1, int64_t(1) << 40) : 0;
  if (family.windows == Windows::from_layer && !config.boolean_or("use_sliding_window", false)) window = 0;

  std::vector<bool> slides;
  if (const auto types = config.find("layer_types")) {
    for (const JsonView& type : types->items()) {
      const std::string& name = type.as_text();
      slides.push_back(name == "sliding_attention");
      require(slides.back() || name == "full_attention" || name == "attention", ExitCode::input, config.where(), ": ",
              type.path(), ": \"", name, "\" is not supported; supported: full_attention, sliding_attention");
    }
    require(std::ssize(slides) == layers, ExitCode::input, config.where(), ": layer_types: expected ", layers,
            " of them, num_hidden_layers, got ", slides.size());
    const bool any = std::ranges::find(slides, true) != slides.end(),
               all = std::ranges::find(slides, false) == slides.end();
    require(!any || window > 0, ExitCode::input, config.where(),
            ": layer_types: sliding_attention needs a window, but sliding_window",
            family.windows == Windows::from_layer ? " or use_sliding_window" : "", " says there is none");
    require(family.windows != Windows::all || window == 0 || all, ExitCode::input, config.where(),
            ": layer_types: models of type ", family.name,
            " have their window in all layers; expected sliding_attention");
  } else {
    int64_t first = 0, pattern = 0;
    if (family.windows == Windows::from_layer) first = config.integer_or("max_window_layers", 28, 0, kMostTokens);
    if (family.windows == Windows::pattern) {
      pattern = family.defaults.window_pattern;
      if (family.nested_ropes) pattern = config.integer_or("sliding_window_pattern", pattern, 1, kMostTokens);
      require(window > 0 || pattern == 1, ExitCode::input, config.where(), ": sliding_window: expected a whole number");
    }
    for (int64_t i = 0; i < layers; ++i)
      slides.push_back(window > 0 && i >= first && (pattern == 0 || (i + 1) % pattern != 0));
  }
  std::vector<int64_t> windows;
  for (const bool slide : slides) windows.push_back(slide ? window : 0);
  if (std::ranges::all_of(windows, [](int64_t w) { return w == 0; })) windows.clear();
  return windows;
}

int32_t token(const JsonView& id, int64_t vocabulary) { return int32_t(id.as_integer(0, vocabulary - 1)); }
}  // namespace

bool Config::ropes_by_length() const {
  return std::ranges::any_of(
      ropes, [](const Rope& rope) { return rope.kind == RopeKind::dynamic || rope.kind == RopeKind::longrope; });
}

double Config::embedding_scale(bool in_bfloat16) const {
  if (!family->scaled_embedding) return 1;
  const auto scale = float(std::sqrt(double(width)));
  return in_bfloat16 ? double(float(bfloat16(scale))) : double(scale);
}

Config read_config(const JsonView& whole) {
  const Family& family = family_of(whole);
  const JsonView config = family.text_config.empty() ? whole : whole.at(family.text_config);
  const Defaults& defaults = family.defaults;
  Config c;
  c.family = &family;
  c.vocabulary = size_of(config, "vocab_size", defaults.vocabulary, kMostTokens);
  c.width = size_of(config, "hidden_size", defaults.width, kMostWidth);
  c.layers = size_of(config, "num_hidden_layers", defaults.layers, kMostLayers);
  c.heads = size_of(config, "num_attention_heads", defaults.heads, kMostWidth);
  const bool as_heads = config.value().contains("num_key_value_heads") || defaults.kv_heads == 0;  // null: as many
  c.kv_heads = config.integer_or("num_key_value_heads", as_heads ? c.heads : defaults.kv_heads, 1, kMostWidth);
  require(c.heads % c.kv_heads == 0, ExitCode::input, config.where(), ": num_attention_heads (", c.heads,
          ") must be a multiple of num_key_value_heads (", c.kv_heads, ")");
  const bool divided = !config.has("head_dim") && (config.value().contains("head_dim") || defaults.head_dim == 0);
  if (divided)
    require(c.width % c.heads == 0, ExitCode::input, config.where(), ": hidden_size (", c.width,
            ") is no multiple of num_attention_heads (", c.heads, ") and there is no head_dim");
  c.head_dim = config.integer_or("head_dim", divided ? c.width / c.heads : defaults.head_dim, 1, kMostWidth);
  c.mlp_width = size_of(config, "intermediate_size", defaults.mlp_width, kMostWidth);
  c.max_positions = config.integer_or("max_position_embeddings", defaults.positions, 0, kMostTokens);
  c.eps = config.number_or("rms_norm_eps", defaults.eps);
  require(c.eps > 0, ExitCode::input, config.where(), ": rms_norm_eps: expected a positive number, got ", c.eps);
  c.activation = activation_of(config, family);
  c.tied = whole.boolean_or("tie_word_embeddings", defaults.tied);
  refuse_what_is_not_done(config, family);
  refuse_other_quantization(whole);
  c.attention_bias = family.attention_bias == AttentionBias::qkv ||
                     (family.attention_bias == AttentionBias::by_config && config.boolean_or("attention_bias", false));
  c.output_bias = c.attention_bias && family.attention_bias == AttentionBias::by_config;
  c.mlp_bias = config.boolean_or("mlp_bias", false);
  c.windows = windows_of(config, family, c.layers);
  if (defaults.query_scale > 0) {
    const double scalar = config.number_or("query_pre_attn_scalar", defaults.query_scale);
    require(scalar > 0, ExitCode::input, config.where(), ": query_pre_attn_scalar: expected a positive number, got ",
            scalar);
    c.attention_scale = 1 / std::sqrt(scalar);
    if (family.capped_logits)
      c.final_softcap = optional_number(config, "final_logit_softcapping", defaults.final_softcap);
  }
  if (defaults.attention_softcap > 0)
    c.attention_softcap = optional_number(config, "attn_logit_softcapping", defaults.attention_softcap);
  c.ropes = family.nested_ropes ? read_nested_ropes(config, c.head_dim, c.max_positions)
                                : std::vector{read_rope(config, family.rope, c.head_dim, c.max_positions)};
  const auto found = [&](const char* key) {
    return whole.has(key) || family.text_config.empty() ? whole.find(key) : config.find(key);
  };
  const auto silent = [&](const char* key) { return !whole.value().contains(key) && !config.value().contains(key); };
  if (const auto bos = found("bos_token_id"))
    c.bos = token(*bos, c.vocabulary);
  else if (silent("bos_token_id") && defaults.bos >= 0 && defaults.bos < c.vocabulary)
    c.bos = defaults.bos;
  if (const auto eos = found("eos_token_id")) {
    if (eos->value().is_array()) {
      for (const JsonView& id : eos->items()) c.eos.push_back(token(id, c.vocabulary));
    } else {
      c.eos.push_back(token(*eos, c.vocabulary));
    }
  } else if (silent("eos_token_id") && defaults.eos >= 0 && defaults.eos < c.vocabulary) {
    c.eos.push_back(defaults.eos);
  }
  return c;
}

}  // namespace hone::trainer
