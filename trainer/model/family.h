// Model families as rows of a table. A new family is a row here, what it computes differently is a field of the row.
// What each has was read in transformers 5.23: models/<name>/configuration_<name>.py and modeling_<name>.py.
#pragma once
#include <cstdint>
#include <string_view>

#include "kernels/swiglu/activation.h"
#include "trainer/model/rope.h"

namespace hone::trainer {

// As Hugging Face names them. Modules, and so LoRA's names, follow `root`; those of a layer "<root>layers.N.". A norm
// that a family does not have is empty, and so is a projection where a fused one is not.
struct TensorNames {
  std::string_view root = "model.";
  // Where files may have it otherwise: tried in this order.
  std::string_view stored_roots[2] = {"model.", {}};
  std::string_view embedding = "embed_tokens", norm = "norm", head = "lm_head";
  std::string_view attention_norm = "input_layernorm", attention_output_norm = {};
  std::string_view mlp_norm = "post_attention_layernorm", mlp_output_norm = {};
  std::string_view q_norm = {}, k_norm = {};
  std::string_view q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj";
  std::string_view qkv = {};  // fused: rows of q, then of k, then of v
  std::string_view gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj";
  std::string_view gate_up = {};  // fused: rows of the gate, then of up
};

enum class AttentionBias { never, by_config, qkv };     // by_config: attention_bias, of q, k, v and o
enum class Windows { none, all, from_layer, pattern };  // which layers have sliding_window
enum class QkNorm { none, heads, whole };  // of q and k before they turn: each head by itself, or all at once

// What transformers' configuration class takes where config.json is silent. 0: an error, the key is needed.
struct Defaults {
  int64_t vocabulary = 0, width = 0, layers = 0, mlp_width = 0, heads = 0;
  int64_t kv_heads = 0;  // 0: as many as heads
  int64_t head_dim = 0;  // 0: width / heads
  int64_t positions = 0, window = 4096, window_pattern = 0;
  double eps = 1e-6, query_scale = 0, attention_softcap = 0, final_softcap = 0;
  bool tied = false;
  int32_t bos = -1, eos = -1;  // -1: none
};

struct Family {
  std::string_view name;              // model_type in config.json
  std::string_view architecture;      // architectures[0] in config.json
  std::string_view gguf;              // llama.cpp's name, in files that are exported to it
  std::string_view text_config = {};  // where a multimodal config.json keeps the text model
  Defaults defaults = {};
  RopeReading rope = {};
  bool capped_logits = true;  // final_logit_softcapping in config.json is the model's
  bool nested_ropes = false;  // layers with a window turn differently
  AttentionBias attention_bias = AttentionBias::by_config;
  bool mlp_bias = false;  // mlp_bias in config.json is the model's
  Windows windows = Windows::none;
  QkNorm qk_norm = QkNorm::none;
  bool norms_plus_one = false;    // files hold norms' weights minus one
  bool scaled_embedding = false;  // by √width, in the type that is computed in
  std::string_view activation_key = "hidden_act";
  kernels::Activation activation = kernels::Activation::silu;  // where config.json is silent
  TensorNames names = {};
};

namespace families {
inline constexpr TensorNames kFourNorms{.attention_output_norm = "post_attention_layernorm",
                                        .mlp_norm = "pre_feedforward_layernorm",
                                        .mlp_output_norm = "post_feedforward_layernorm"};
constexpr TensorNames with_qk_norms(TensorNames names) {
  names.q_norm = "self_attn.q_norm", names.k_norm = "self_attn.k_norm";
  return names;
}

inline constexpr Family kLlama{.name = "llama",
                               .architecture = "LlamaForCausalLM",
                               .gguf = "llama",
                               .defaults = {.positions = 2048, .bos = 1, .eos = 2},
                               .mlp_bias = true};
inline constexpr Family kMistral{.name = "mistral",
                                 .architecture = "MistralForCausalLM",
                                 .gguf = "llama",
                                 .defaults = {.kv_heads = 8, .positions = 131072, .bos = 1, .eos = 2},
                                 .attention_bias = AttentionBias::never,
                                 .windows = Windows::all};
inline constexpr Family kQwen2{.name = "qwen2",
                               .architecture = "Qwen2ForCausalLM",
                               .gguf = "qwen2",
                               .defaults = {.kv_heads = 32, .positions = 32768},
                               .attention_bias = AttentionBias::qkv,
                               .windows = Windows::from_layer};
inline constexpr Family kQwen3{.name = "qwen3",
                               .architecture = "Qwen3ForCausalLM",
                               .gguf = "qwen3",
                               .defaults = {.kv_heads = 32, .head_dim = 128, .positions = 32768},
                               .windows = Windows::from_layer,
                               .qk_norm = QkNorm::heads,
                               .names = with_qk_norms({})};
inline constexpr Family kGemma2{.name = "gemma2",
                                .architecture = "Gemma2ForCausalLM",
                                .gguf = "gemma2",
                                .defaults = {.kv_heads = 4,
                                             .head_dim = 256,
                                             .positions = 8192,
                                             .window_pattern = 2,
                                             .query_scale = 256,
                                             .attention_softcap = 50,
                                             .final_softcap = 30,
                                             .tied = true,
                                             .bos = 2,
                                             .eos = 1},
                                .windows = Windows::pattern,
                                .norms_plus_one = true,
                                .scaled_embedding = true,
                                .activation_key = "hidden_activation",
                                .activation = kernels::Activation::gelu_tanh,
                                .names = kFourNorms};
// Published files leave much of the text model to transformers' defaults. attn_logit_softcapping is in its
// configuration and not in its model.
inline constexpr Family kGemma3Text{.name = "gemma3_text",
                                    .architecture = "Gemma3ForCausalLM",
                                    .gguf = "gemma3",
                                    .defaults = {.vocabulary = 262208,
                                                 .width = 2304,
                                                 .layers = 26,
                                                 .mlp_width = 9216,
                                                 .heads = 8,
                                                 .kv_heads = 4,
                                                 .head_dim = 256,
                                                 .positions = 131072,
                                                 .window_pattern = 6,
                                                 .query_scale = 256,
                                                 .tied = true,
                                                 .bos = 2,
                                                 .eos = 1},
                                    .nested_ropes = true,
                                    .windows = Windows::pattern,
                                    .qk_norm = QkNorm::heads,
                                    .norms_plus_one = true,
                                    .scaled_embedding = true,
                                    .activation_key = "hidden_activation",
                                    .activation = kernels::Activation::gelu_tanh,
                                    .names = with_qk_norms(kFourNorms)};
// transformers' multimodal model leaves final_logit_softcapping out.
constexpr Family multimodal(Family family, std::string_view name, std::string_view architecture) {
  family.name = name, family.architecture = architecture, family.text_config = "text_config";
  family.capped_logits = false;
  family.names.root = "model.language_model.";
  family.names.stored_roots[0] = "language_model.model.", family.names.stored_roots[1] = "model.language_model.";
  return family;
}
inline constexpr Family kPhi3{
    .name = "phi3",
    .architecture = "Phi3ForCausalLM",
    .gguf = "phi3",
    .defaults = {.positions = 4096, .window = 0, .eps = 1e-5, .bos = 1, .eos = 32000},
    .rope = {.partial = true, .longrope_only = true, .original_positions = 4096},
    .attention_bias = AttentionBias::never,
    .windows = Windows::all,
    .names = {
        .q = {}, .k = {}, .v = {}, .qkv = "self_attn.qkv_proj", .gate = {}, .up = {}, .gate_up = "mlp.gate_up_proj"}};
inline constexpr Family kOlmo2{.name = "olmo2",
                               .architecture = "Olmo2ForCausalLM",
                               .gguf = "olmo2",
                               .defaults = {.positions = 2048, .eps = 1e-5, .eos = 50279},
                               .qk_norm = QkNorm::whole,
                               .names = with_qk_norms({.attention_norm = {},
                                                       .attention_output_norm = "post_attention_layernorm",
                                                       .mlp_norm = {},
                                                       .mlp_output_norm = "post_feedforward_layernorm"})};
}  // namespace families

inline constexpr Family kFamilies[] = {
    families::kLlama,
    families::kMistral,
    families::kQwen2,
    families::kQwen3,
    families::kGemma2,
    families::kGemma3Text,
    families::multimodal(families::kGemma3Text, "gemma3", "Gemma3ForConditionalGeneration"),
    families::kPhi3,
    families::kOlmo2,
};

}  // namespace hone::trainer
