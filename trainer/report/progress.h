// What a run shows while it goes: one line a step on the screen, one JSON object a step in metrics.jsonl.
#pragma once
#include <deque>
#include <ostream>
#include <string>

#include "kernels/host/clock.h"
#include "trainer/train_loop.h"

namespace hone::trainer {

// A step with what it cost.
struct StepRecord {
  StepReport report;
  double seconds = 0;
  uint64_t peak_bytes = 0;  // largest live memory of the run's device so far
};
std::string metrics_line(const StepRecord&);

class Progress {
 public:
  // `every_step`: a terminal sees each step; else a line comes at most every two seconds, and for the last step.
  Progress(std::ostream& screen, int64_t total_steps, bool every_step)
      : screen_(screen), total_(total_steps), every_step_(every_step) {}
  void step(const StepRecord&);
  void say(const std::string& line);
  void expect(int64_t total_steps) { total_ = total_steps; }

 private:
  std::ostream& screen_;
  int64_t total_;
  bool every_step_;
  Stopwatch since_line_;
  bool said_any_ = false;
  std::deque<double> recent_;  // seconds of the last steps: time left comes from them
};

}  // namespace hone::trainer
