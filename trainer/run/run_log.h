// All that a run tells while it goes: the screen, metrics.jsonl, evaluation.jsonl, samples.jsonl, events.jsonl,
// TensorBoard.
//   RunLog log(folder, std::cout, screen);
//   log.begin(0, {.steps = 374});
//   log.step(record);
//   log.incident(128, "checkpoint not written, the run goes on: …");    // counted in the morning's report
// events.jsonl: {"time", "step", "event", "text"} with event = start, resume, incident, stop, failed, done. Never text
// of the data.
#pragma once
#include <optional>

#include "trainer/evaluation/evaluate.h"
#include "trainer/report/progress.h"
#include "trainer/report/tensorboard.h"
#include "trainer/run/run_folder.h"

namespace hone::trainer {

class RunLog {
 public:
  RunLog(const RunFolder& folder, std::ostream& out, Screen screen)
      : folder_(folder), progress_(out, std::move(screen)) {}

  void say(const std::string& lines) { progress_.say(lines); }
  void tell(const std::string& lines) { progress_.tell(lines); }  // also when quiet

  // Opens the files; `steps_done` above 0: a resumed run.
  void begin(int64_t steps_done, const Progress::Expected& expected);
  void step(const StepRecord&);
  void evaluated(int64_t step, const Evaluation&);
  void sample(int64_t step, const std::string& prompt, double temperature, const std::string& text);
  void saved() { progress_.saved(); }
  // Something went wrong and the run goes on.
  void incident(int64_t step, const std::string& text);
  void event(std::string_view event, int64_t step, const std::string& text = {});
  // Writes report.html and returns the page of the morning. What fails on the way is told and ends nothing.
  std::string report();
  // No step follows.
  void close() { progress_.close(); }

 private:
  // What nobody needs for the result must not end a run: a failure is told once.
  void quietly(const std::function<void()>& write);
  void append_event(std::string_view event, int64_t step, const OrderedJson& more);

  const RunFolder& folder_;
  Progress progress_;
  std::optional<LineAppender> metrics_;
  std::optional<EventFile> tensorboard_;
  bool failure_told_ = false;
};

}  // namespace hone::trainer
