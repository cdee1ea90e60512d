// The live display as a pure function: what is known of a run and how wide the screen is, in; three lines, out.
//   for (const std::string& line : live_display(state, {.width = 80})) …
//     step 128/374  ━━━━━━━━━━━━────────────────────   34 %   1 h 01 left, 20:04
//     loss 1.213 ▇▆▆▅▅▄▄▄▃▃▃▃▂▂   eval 1.244 (step 100, best)   grad 0.41   lr 1.86e-4
//     2,204 tok/s (98.2 % real)   17.1 GiB (planned 17.2)   data wait 0.0 %   next checkpoint 4 min
// What does not fit is left out, the least wanted first; no line is ever wider than the screen.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hone::trainer {

struct DisplayStyle {
  int width = 80;       // columns
  bool utf8 = true;     // else ASCII alone
  bool colour = false;  // green done or good, yellow look here, grey not done; never the only sign
};

struct DisplayState {
  int64_t step = 0, total = 0;
  std::optional<double> left;  // seconds, from the last steps
  std::string clock;           // when it is done then: "20:04"
  double loss = 0, gradient_norm = 0, learning_rate = 0;
  std::vector<double> losses;        // of the run so far, oldest first, any number: the sparkline
  std::optional<double> evaluation;  // the last one
  int64_t evaluation_step = 0;
  bool best = false;  // it is the lowest so far
  double tokens_per_second = 0;
  double real_share = 1;             // of the computed positions, those that hold a token
  std::optional<double> flops;       // a second
  double data_wait = 0;              // share of the time
  uint64_t memory = 0, planned = 0;  // bytes; planned 0: unknown
  std::optional<double> checkpoint;  // seconds until the next one
};

std::vector<std::string> live_display(const DisplayState&, const DisplayStyle&);
// The same on one line, without control characters, for a file, a pipe, or a terminal that draws no line again.
std::string plain_line(const DisplayState&, int width = 120);

// ▁▂▃▄▅▆▇█ from the lowest to the highest, means of equal shares where there are more values than columns.
std::string sparkline(const std::vector<double>& values, int columns);

std::string loss_text(double loss);          // 1.213, 0.0213, 2.1e-4
std::string rate_text(double rate);          // 1.86e-4, 0.01
std::string short_duration(double seconds);  // 42 s, 4 min 05 s, 23 min, 1 h 01, 2 d 03 h

}  // namespace hone::trainer
