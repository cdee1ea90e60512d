// What a run's memory is for. The kinds are set where memory is taken (MemoryScope), on every device alike, so that
// their sum is what the allocator counted and no formula beside it.
#pragma once
#include <array>
#include <string_view>

#include "kernels/core/stream.h"

namespace hone::trainer {

enum class Memory : MemoryKind {
  other,        // evaluation and samples: batches, key-value cache
  base,         // the frozen model
  trained,      // the adapter, or every parameter: float32 masters
  optimizer,    // gradients and moments of what is trained
  activations,  // what the forward pass makes; of it stays what the backward pass needs
  loss,         // logits of a chunk, the gradient of the last hidden states
  workspace     // what the backward pass makes: gradients on their way, layers made again, scratch
};
inline constexpr std::array<std::string_view, 7> kMemoryNames{"other",       "base", "trained",  "optimizer",
                                                              "activations", "loss", "workspace"};

inline MemoryScope memory_for(Stream& stream, Memory kind) { return {*stream.allocator(), MemoryKind(kind)}; }

}  // namespace hone::trainer
