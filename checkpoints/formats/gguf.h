// LoRA adapters as llama.cpp reads them (--lora): one GGUF file, version 3. Written only; hone never reads GGUF.
//   write_gguf_adapter("support.gguf", read_adapter("runs/support/adapter"),
//                      {.architecture = "llama", .layers = 32, .heads = 32, .kv_heads = 8, .head_dim = 128});
#pragma once
#include <string>

#include "checkpoints/formats/peft.h"

namespace hone::checkpoints {

// The model that the adapter belongs to, as far as its tensors' names and order of rows depend on it.
struct GgufBase {
  std::string architecture;  // llama.cpp's name: "llama", "qwen2", …
  int64_t layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
};
enum class GgufType { f32, f16 };

// Per module two tensors, blk.N.<name>.weight.lora_a (rank, in) and .lora_b (out, rank), in the adapter's order.
// llama.cpp adds alpha / rank times their product, with one alpha for the file and each tensor's own rank: rsLoRA's
// √rank goes into that alpha, patterns are folded into lora_b. For architecture "llama" rows of q and k are in the
// order that its rotation wants: of each head, row i of the first half, then row i of the second, … The file appears at
// once, complete; a GGUF file that is there is replaced only then, another file is not (ExitCode::usage). Errors: a
// module that llama.cpp's adapters have no name for, sizes that are not the base's (ExitCode::input), a value that is
// beyond f16 (ExitCode::usage).
void write_gguf_adapter(const fs::path& file, const LoraAdapter&, const GgufBase&, GgufType = GgufType::f32);

}  // namespace hone::checkpoints
