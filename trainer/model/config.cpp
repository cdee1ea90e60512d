#include "trainer/model/config.h"

#include <cmath>
#include <numbers>

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

void read_rope(const JsonView& config, Config& c) {
  // transformers 5 puts all of it into rope_parameters; before, rope_theta stood alone and rope_scaling held the rest.
  std::optional<JsonView> rope = config.find("rope_parameters");
  c.rope_theta = config.number_or("rope_theta", 10000);
  if (!rope) rope = config.find("rope_scaling");
  if (rope) {
    c.rope_theta = rope->number_or("rope_theta", c.rope_theta);
    const double partial = rope->number_or("partial_rotary_factor", 1);
    require(partial == 1, ExitCode::input, config.where(), ": partial_rotary_factor: only 1 is supported, got ",
            partial);
    const std::string type = rope->text_or("rope_type", rope->text_or("type", "default"));
    if (type == "llama3") {
      c.llama3 = Llama3Scaling{rope->number("factor"), rope->number("low_freq_factor"),
                               rope->number("high_freq_factor"), rope->number("original_max_position_embeddings")};
      const Llama3Scaling& s = *c.llama3;
      require(s.factor >= 1 && s.low_frequency_factor > 0 && s.high_frequency_factor > s.low_frequency_factor &&
                  s.original_positions > 0,
              ExitCode::input, config.where(),
              ": rope scaling: expected factor >= 1, 0 < low_freq_factor < high_freq_factor and ",
              "original_max_position_embeddings > 0");
    } else if (type == "linear") {
      c.linear_scaling = rope->number("factor");
      require(c.linear_scaling >= 1, ExitCode::input, config.where(), ": rope scaling: expected factor >= 1, got ",
              c.linear_scaling);
    } else {
      require(type == "default", ExitCode::input, config.where(), ": rope_type: \"", type,
              "\" is not supported; supported: default, linear, llama3");
    }
  }
  require(c.rope_theta > 0, ExitCode::input, config.where(), ": rope_theta: expected a positive number, got ",
          c.rope_theta);
}
}  // namespace

Config read_config(const JsonView& config) {
  Config c;
  c.family = &family_of(config);
  c.vocabulary = config.integer("vocab_size", 1, kMostTokens);
  c.width = config.integer("hidden_size", 1, kMostWidth);
  c.layers = config.integer("num_hidden_layers", 1, kMostLayers);
  c.heads = config.integer("num_attention_heads", 1, kMostWidth);
  c.kv_heads = config.integer_or("num_key_value_heads", c.heads, 1, kMostWidth);
  require(c.heads % c.kv_heads == 0, ExitCode::input, config.where(), ": num_attention_heads (", c.heads,
          ") must be a multiple of num_key_value_heads (", c.kv_heads, ")");
  if (!config.has("head_dim"))
    require(c.width % c.heads == 0, ExitCode::input, config.where(), ": hidden_size (", c.width,
            ") is no multiple of num_attention_heads (", c.heads, ") and there is no head_dim");
  c.head_dim = config.integer_or("head_dim", c.width / c.heads, 1, kMostWidth);
  require(c.head_dim % 2 == 0, ExitCode::input, config.where(), ": head_dim must be even, got ", c.head_dim);
  c.mlp_width = config.integer("intermediate_size", 1, kMostWidth);
  c.max_positions = config.integer_or("max_position_embeddings", 0, 0, kMostTokens);
  c.eps = config.number_or("rms_norm_eps", 1e-6);
  require(c.eps > 0, ExitCode::input, config.where(), ": rms_norm_eps: expected a positive number, got ", c.eps);
  const std::string activation = config.text_or("hidden_act", "silu");
  require(activation == "silu" || activation == "swish", ExitCode::input, config.where(), ": hidden_act: \"",
          activation, "\" is not supported; supported: silu");
  c.tied = config.boolean_or("tie_word_embeddings", false);
  c.attention_bias = config.boolean_or("attention_bias", false);
  c.output_bias = c.attention_bias && c.family->output_bias;
  c.mlp_bias = config.boolean_or("mlp_bias", false);
  read_rope(config, c);
  if (const auto bos = config.find("bos_token_id")) c.bos = int32_t(bos->as_integer(0, c.vocabulary - 1));
  if (const auto eos = config.find("eos_token_id")) {
    if (eos->value().is_array()) {
      for (const JsonView& id : eos->items()) c.eos.push_back(int32_t(id.as_integer(0, c.vocabulary - 1)));
    } else {
      c.eos.push_back(int32_t(eos->as_integer(0, c.vocabulary - 1)));
    }
  }
  return c;
}

std::vector<double> inverse_frequencies(const Config& c) {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < c.head_dim / 2; ++i) {
    double frequency = std::pow(c.rope_theta, -2.0 * double(i) / double(c.head_dim)) / c.linear_scaling;
    if (c.llama3) {
      const Llama3Scaling& s = *c.llama3;
      const double turns =
          s.original_positions * frequency / (2 * std::numbers::pi);  // full turns within the original context
      if (turns < s.low_frequency_factor) {
        frequency /= s.factor;
      } else if (turns <= s.high_frequency_factor) {
        const double smooth = (turns - s.low_frequency_factor) / (s.high_frequency_factor - s.low_frequency_factor);
        frequency = (1 - smooth) * frequency / s.factor + smooth * frequency;
      }
    }
    frequencies.push_back(frequency);
  }
  return frequencies;
}

}  // namespace hone::trainer
