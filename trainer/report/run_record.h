// A run folder read back: what the morning's report is made of. Works on a finished run, on one that goes on, and on
// what a killed one left: lines and files that are torn or missing are left out.
//   const RunRecord run = read_run("runs/support");
//   std::cout << morning_page(run, run.folder / "report.html");
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "kernels/host/file.h"
#include "kernels/host/json.h"

namespace hone::trainer {

struct RunRecord {
  struct Step {
    int64_t step = 0;
    double loss = 0, gradient_norm = 0, learning_rate = 0, tokens = 0, seconds = 0, peak_bytes = 0;
  };
  struct Evaluated {
    int64_t step = 0;
    double loss = 0, perplexity = 0;
  };
  struct Sample {
    int64_t step = 0;
    double temperature = 0;
    std::string prompt, text;
  };
  struct Event {
    std::string time, event, text;  // time: "2026-11-24T20:07:31Z"
    int64_t step = 0;
  };

  fs::path folder;
  std::vector<Step> steps;
  std::vector<Evaluated> evaluations;
  std::vector<Sample> samples;
  std::vector<Event> events;
  OrderedJson receipt, summary, provenance;       // null where there is none
  std::string recipe;                             // as YAML
  int64_t total_steps = 0;                        // of the last start; 0: unknown
  double planned_bytes = 0, planned_seconds = 0;  // of the last start, for the whole run; 0: unknown
  double planned_speed = 0;                       // tokens a second

  // How the last start ended: done, stop, failed; else "": it goes on, or was killed.
  std::string end() const;
  int64_t incidents() const;
  std::optional<Evaluated> best() const;
  double seconds() const;       // of all steps
  double step_seconds() const;  // median
};

// Error (ExitCode::input): the folder holds no run.
RunRecord read_run(const fs::path& folder);

// The page of the morning, lines ending in '\n': the last say what was written, where (`html` too, where it is there),
// and what next.
std::string morning_page(const RunRecord& run, const fs::path& html);

}  // namespace hone::trainer
