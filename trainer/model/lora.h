// Low-rank adapters on a decoder (Hu et al. 2021): y += scale * (dropout(x) aᵀ) bᵀ, scale = alpha / r, or alpha / √r
// with rsLoRA.
//   add_lora(stream, model, {.rank = 16, .alpha = 32, .targets = AllLinear{}});
#pragma once
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "checkpoints/formats/peft.h"
#include "trainer/model/decoder.h"

namespace hone::trainer {

struct AllLinear {};  // every linear layer of the blocks; never the head
struct Pattern {
  std::string regex;  // matches the whole dotted name, as PEFT's string form of target_modules does
};
// A list: a layer whose name equals an entry or ends with "." and the entry.
using TargetModules = std::variant<AllLinear, std::vector<std::string>, Pattern>;

struct LoraOptions {
  int64_t rank = 16;
  double alpha = 32, dropout = 0;
  bool rank_stabilised = false;
  TargetModules targets = AllLinear{};
  uint64_t seed = 17;
  std::map<std::string, int64_t> rank_pattern = {};  // of an adapter that was read; written again as they were
  std::map<std::string, double> alpha_pattern = {};
};

// New adapters as PEFT starts them: a uniform in ±1/√in, b zero. Errors (ExitCode::usage): an entry that matches no
// layer, with the nearest name; a pattern that is not a regular expression.
void add_lora(Stream&, Decoder&, const LoraOptions&);

// Adapters read from a folder. `trainable` false: only used. Errors (ExitCode::input): a module the model does not
// have, other sizes.
void add_lora(Stream&, Decoder&, const checkpoints::LoraAdapter&, bool trainable);

// What a PEFT folder holds of the model's adapters. base_model is written as base_model_name_or_path.
checkpoints::LoraAdapter adapter_of(const Decoder&, const LoraOptions&, const std::string& base_model);

// The options a read adapter was made with, so that a run that continues from it writes the same.
LoraOptions options_of(const checkpoints::LoraAdapter&);

}  // namespace hone::trainer
