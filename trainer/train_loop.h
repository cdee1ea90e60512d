// The training loop: micro-batches on a tape, gradients, one optimiser step.
//   TrainLoop loop(stream, model, batches, options, plan);
//   const StepReport report = loop.step();
#pragma once
#include <functional>
#include <memory>

#include "data/batches/batches.h"
#include "trainer/dist/communicator.h"
#include "trainer/objective/supervised.h"
#include "trainer/optim/optimizer.h"
#include "trainer/plan/plan.h"

namespace hone::trainer {

struct TrainOptions {
  uint64_t seed = 17;
  kernels::AdamW adamw = {};
  OptimizerKind optimizer = OptimizerKind::adamw;
  std::function<double(int64_t step)> rate;  // learning rate of a step, counted from 0
  // The longest a document may be, by which longrope decides between its factors; 0: each document by itself.
  int64_t longest = 0;
};

struct StepReport {
  int64_t step;          // steps done, this one included
  double loss;           // mean over the step's target tokens
  double gradient_norm;  // of the mean gradient, before clipping
  double learning_rate;
  int64_t tokens, targets;  // no padding among them
  bool finite;              // false: loss or gradient were not, and no parameter moved
  double data_seconds;      // of the step, waited for its batches
};

class TrainLoop {
 public:
  // The micro-batches of a step, counted from 0. A pure function: a resumed run asks for the same ones.
  using StepBatches = std::function<std::vector<data::Batch>(int64_t step)>;

  TrainLoop(Stream&, Decoder&, StepBatches, TrainOptions, Plan,
            std::shared_ptr<Communicator> = std::make_shared<Communicator>());
  StepReport step();

  int64_t steps_done() const { return step_; }
  void continue_from(int64_t steps_done) { step_ = steps_done; }
  autograd::ParameterSet& parameters() { return parameters_; }
  Optimizer& optimizer() { return optimizer_; }

 private:
  Stream& stream_;
  Decoder& model_;
  StepBatches batches_;
  TrainOptions options_;
  Plan plan_;
  std::shared_ptr<Communicator> ranks_;
  autograd::ParameterSet parameters_;
  Optimizer optimizer_;
  Totals totals_;
  Supervised objective_;
  Tensor one_;
  int64_t step_ = 0;
};

}  // namespace hone::trainer
