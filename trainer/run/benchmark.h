// How fast a model trains here: its shape with random values, made on the device, and random tokens, so that nothing is
// needed and nothing but the step is measured. `hone bench` prints it.
//   const Benchmark done = benchmark(recipe, {.steps = 50, .warm_up = 10}, [](const std::string& line) { … });
//   std::cout << done.text({.width = 100});
#pragma once
#include <functional>

#include "trainer/machine/reach.h"
#include "trainer/run/planning.h"

namespace hone::trainer {

struct BenchmarkOptions {
  int64_t steps = 50, warm_up = 10;  // measured, and before
  uint64_t memory = 0;               // bytes to plan for; 0: what is free here
};

struct Benchmark {
  struct Machine {
    double matrix_flops = 0, memory_bytes = 0;  // a second, measured
  };
  Forecast plan;                                   // step_seconds: by the GPU's roofline, or measured kernel by kernel
  std::string adapter;                             // "r 16", "every parameter"
  std::vector<double> seconds;                     // of each measured step
  int64_t tokens = 0, documents = 0, warm_up = 0;  // of a step, without padding
  uint64_t peak = 0;                               // bytes of the device, from the loaded model on
  Machine before, after;                           // the first step, the last
  Reach reach;                                     // what the machine should give; zeros: not known
  double first_loss = 0, last_loss = 0;

  double step_seconds() const;  // mean: what a run of many steps takes
  double tokens_per_second() const { return double(tokens) / step_seconds(); }
  double matrix_share() const;  // of the machine's measured matrix rate, by the step's products
  std::string note() const;     // where the machine gave less than it should; empty where it did not
  std::string text(const DisplayStyle&) const;
  OrderedJson json() const;
};

// model.shape (values are random), or model.path with model.weights: random or load. A step is one micro-batch of
// training.micro_batch_size documents of data.max_length tokens. Errors: it does not fit (ExitCode::memory), a loss
// that is not finite (ExitCode::numerical). `say` is told what happens meanwhile.
Benchmark benchmark(const recipes::Recipe&, const BenchmarkOptions&,
                    const std::function<void(const std::string&)>& say);

}  // namespace hone::trainer
