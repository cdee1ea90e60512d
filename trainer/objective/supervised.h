// Next-token prediction on the labelled positions.
#pragma once
#include "trainer/model/decoder.h"
#include "trainer/plan/memory.h"

namespace hone::trainer {

struct Supervised {
  int64_t chunk = 0;  // labelled positions that have logits at a time; 0: what suits the device
  // (1): minus log likelihood, summed over the labelled positions.
  Var summed_loss(Tape& tape, const Decoder& model, const DeviceBatch& batch,
                  const std::vector<Recompute>& recompute) const {
    const Var h = hidden_states(tape, model, batch, recompute);
    const MemoryScope scope = memory_for(tape.stream(), Memory::loss);
    return autograd::linear_cross_entropy(tape, h, model.head, batch.targets, chunk, model.config.final_softcap);
  }
};

}  // namespace hone::trainer
