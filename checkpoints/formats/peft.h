// LoRA adapters in PEFT's layout: adapter_config.json and adapter_model.safetensors in one folder (peft 0.21).
//   LoraAdapter adapter = read_adapter("runs/support/adapter");
//   write_adapter("copy", adapter);
#pragma once
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "kernels/host/file.h"

namespace hone::checkpoints {

struct LoraModule {
  std::string module;  // "model.layers.0.self_attn.q_proj"
  int64_t rank = 0, in = 0, out = 0;
  double alpha = 0;
  std::vector<float> a;  // (rank, in)
  std::vector<float> b;  // (out, rank)
};

struct LoraAdapter {
  int64_t r = 8;
  double alpha = 8, dropout = 0;
  bool use_rslora = false;
  std::variant<std::vector<std::string>, std::string> target_modules;  // names, or a regular expression
  std::string base_model;                                              // base_model_name_or_path
  std::map<std::string, int64_t> rank_pattern;  // patterns of module names that differ from r and alpha
  std::map<std::string, double> alpha_pattern;
  std::vector<LoraModule> modules;
  double scale(const LoraModule&) const;  // alpha / rank, with rsLoRA alpha / √rank
};

// Writes float32 and the keys of adapter_config.json that all versions of PEFT, vLLM and llama.cpp's converter know. A
// module's own alpha is not written: what differs from `alpha` must be in alpha_pattern. The folder appears at once,
// complete; an adapter that is there is replaced only then, another folder is not (ExitCode::usage).
void write_adapter(const fs::path& folder, const LoraAdapter&);

// Values in F32, F16 or BF16; modules in the order of the file. Errors (ExitCode::input): another kind of adapter, a
// setting that is not supported (by name), a missing or surplus tensor, shapes that do not fit. Patterns are matched as
// PEFT does (a key applies to a module whose name, or the end of it after a dot, it matches as a regular expression),
// in polynomial time; two keys with different values for one module are an error, because their order would decide and
// PEFT does not keep it.
LoraAdapter read_adapter(const fs::path& folder);

}  // namespace hone::checkpoints
