// A model as data: its family's row and its sizes, read from a Hugging Face config.json (both the legacy keys and those
// of transformers 5; what a key means where it is absent is the family's).
//   const Config config = read_config(JsonView(directory.config(), "config.json"));
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/host/json.h"
#include "trainer/model/family.h"

namespace hone::trainer {

struct Config {
  const Family* family = &kFamilies[0];
  int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, mlp_width = 0;
  int64_t max_positions = 0;  // 0: nobody says
  double eps = 1e-6;
  kernels::Activation activation = kernels::Activation::silu;
  std::vector<Rope> ropes = {};       // one; or two, of layers that see everything and of those with a window
  std::vector<int64_t> windows = {};  // one a layer, 0: it sees everything; empty: all do
  double attention_scale = 0;         // of scores; 0: 1 / sqrt(head_dim)
  double attention_softcap = 0, final_softcap = 0;  // 0: none
  bool tied = false, attention_bias = false, mlp_bias = false;
  bool output_bias = false;  // of the attention's o; the family says whether attention_bias means it too
  std::optional<int32_t> bos = {};
  std::vector<int32_t> eos = {};  // any of them ends a text

  int64_t window(size_t layer) const { return windows.empty() ? 0 : windows[layer]; }
  size_t rope_of(size_t layer) const { return ropes.size() > 1 && window(layer) > 0 ? 1 : 0; }
  // Whether frequencies depend on how long a text is.
  bool ropes_by_length() const;
  // Of rows of the embedding, as transformers rounds it; `bfloat16` where that is computed in.
  double embedding_scale(bool bfloat16) const;
};

// Checks every number before anything is allocated from it. Errors carry ExitCode::input and name the key.
Config read_config(const JsonView& config);

}  // namespace hone::trainer
