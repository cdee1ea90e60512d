// Model families as rows of a table. A new family is a row here, what it computes differently is a field of the row.
#pragma once
#include <string_view>

namespace hone::trainer {

struct TensorNames {  // as Hugging Face names them; layer tensors follow "model.layers.N."
  std::string_view embedding = "model.embed_tokens", norm = "model.norm", head = "lm_head", layers = "model.layers.";
  std::string_view attention_norm = "input_layernorm", mlp_norm = "post_attention_layernorm";
  std::string_view q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj";
  std::string_view gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj";
};

struct Family {
  std::string_view name;          // model_type in config.json
  std::string_view architecture;  // architectures[0] in config.json
  std::string_view gguf;          // llama.cpp's name, in files that are exported to it
  bool output_bias = true;        // where q, k and v have a bias, has o one?
  TensorNames names = {};
};

inline constexpr Family kFamilies[] = {
    {.name = "llama", .architecture = "LlamaForCausalLM", .gguf = "llama"},
};

// Known by their shapes alone (shapes.h): they can be planned, not read, until golden cases hold them.
inline constexpr Family kMistral{.name = "mistral", .architecture = "MistralForCausalLM", .gguf = {}};
inline constexpr Family kQwen2{.name = "qwen2", .architecture = "Qwen2ForCausalLM", .gguf = {}, .output_bias = false};

}  // namespace hone::trainer
