#include "trainer/train_loop.h"

#include <optional>

#include "kernels/host/clock.h"
#include "trainer/model/batch.h"
#include "trainer/plan/memory.h"

namespace hone::trainer {

TrainLoop::TrainLoop(Stream& stream, Decoder& model, StepBatches batches, TrainOptions options, Plan plan,
                     std::shared_ptr<Communicator> ranks)
    : stream_(stream),
      model_(model),
      batches_(std::move(batches)),
      options_(std::move(options)),
      plan_(std::move(plan)),
      ranks_(std::move(ranks)),
      parameters_(stream, model.parameters(), MemoryKind(Memory::trained), MemoryKind(Memory::optimizer),
                  Optimizer::padding(options_.optimizer)),
      optimizer_(stream, parameters_, options_.adamw, options_.optimizer),
      totals_(stream),
      objective_{plan_.loss_chunk},
      one_(stream, {1}, wide_of(model.dtype)) {
  kernels::fill(stream_, one_, 1);
}

StepReport TrainLoop::step() {
  totals_.clear(stream_);
  uint32_t micro = 0;
  int64_t tokens = 0;
  const Stopwatch waiting;
  const std::vector<data::Batch> micro_batches = batches_(step_);
  const double waited = waiting.seconds();
  std::optional<autograd::NarrowedParameters> narrowed;
  if (!model_.embedding
           ->trainable) {  // adapters are small beside the base; of all parameters it would be a second model
    const MemoryScope workspace = memory_for(stream_, Memory::workspace);
    narrowed.emplace(stream_, parameters_, model_.dtype);
  }
  for (const data::Batch& host : micro_batches) {
    const MemoryScope forward = memory_for(stream_, Memory::activations);
    const DeviceBatch batch = upload(stream_, model_, host, options_.longest);
    Tape tape(stream_, {options_.seed, uint32_t(step_), micro++});
    const Var loss = objective_.summed_loss(tape, model_, batch, plan_.recompute);
    const MemoryScope backward = memory_for(stream_, Memory::workspace);
    tape.backward(loss.slot(), one_);
    totals_.add(stream_, loss.value(), batch.targets.count);
    tokens += int64_t(host.tokens.size());
  }
  narrowed.reset();
  ranks_->all_reduce_sum(stream_, parameters_.gradients(), totals_.tensor());
  totals_.measure_gradients(stream_, parameters_.gradients());
  const double rate = options_.rate(step_);
  optimizer_.step(stream_, parameters_, rate, totals_);
  parameters_.clear_gradients(stream_);
  const Totals::Read sums = totals_.read();
  return {.step = ++step_,
          .loss = sums.loss_sum / std::max(1.0, sums.targets),
          .gradient_norm = sums.gradient_norm,
          .learning_rate = rate,
          .tokens = tokens,
          .targets = int64_t(sums.targets),
          .finite = sums.finite,
          .data_seconds = waited};
}

}  // namespace hone::trainer
