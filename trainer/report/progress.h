// What a run shows while it goes: on a terminal three lines that are drawn again in place, with everything else said
// above them; else one line every few seconds, without control characters.
//   Progress progress(std::cout, {.terminal = true, .width = [] { return 80; }});
//   progress.expect({.steps = 374, .planned_bytes = plan.peak});
//   progress.step(record);                      // draws
//   progress.say("checkpoint step-000100 written (1.2 s)");
#pragma once
#include <deque>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/host/clock.h"
#include "trainer/report/display.h"
#include "trainer/report/history.h"
#include "trainer/train_loop.h"

namespace hone::trainer {

// A step with what it cost.
struct StepRecord {
  StepReport report;
  double seconds = 0;
  uint64_t peak_bytes = 0;  // largest live memory of the run's device so far
};
std::string metrics_line(const StepRecord&);

// What the program found out about where its lines go (tools/hone/environment.h).
struct Screen {
  bool terminal = false;  // lines can be drawn again
  bool utf8 = true;       // else ASCII alone
  bool colour = false;
  bool quiet = false;                              // only what must be heard
  std::function<int()> width = [] { return 80; };  // asked before each drawing: a window may change
};

class Progress {
 public:
  struct Expected {
    int64_t steps = 0;
    uint64_t planned_bytes = 0;  // 0: unknown
    double planned_seconds = 0;  // of all steps; 0: unknown
    double flops_per_token = 0;  // 0: unknown
    int64_t save_steps = 0;      // checkpoint interval in steps where positive
    double save_seconds = 0;     // else in seconds
  };
  Progress(std::ostream& out, Screen screen) : out_(out), screen_(std::move(screen)) {}
  void expect(const Expected& expected) { expected_ = expected; }

  void step(const StepRecord&);
  void evaluated(int64_t step, double loss);
  void saved() { since_save_.restart(); }
  void say(const std::string& lines);   // above the block; not when quiet
  void tell(const std::string& lines);  // also when quiet: what went wrong, what came out
  void close();                         // the block stays as it is; lines come below it from here on

 private:
  DisplayState state_of(const StepRecord&) const;
  void erase_block(std::string& text);
  void draw(std::string& text);
  void put(const std::string& text);

  std::ostream& out_;
  Screen screen_;
  Expected expected_;
  DisplayState state_;
  History losses_;
  std::deque<double> recent_;  // seconds of the last steps: time left comes from them
  std::optional<double> best_;
  std::vector<int> drawn_;  // columns of each line of the block on the screen
  bool alive_ = false;      // the block is to be drawn
  bool said_any_ = false;
  Stopwatch since_line_, since_save_;
};

}  // namespace hone::trainer
