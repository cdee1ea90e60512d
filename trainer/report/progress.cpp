#include "trainer/report/progress.h"

#include <numeric>

#include "kernels/host/json.h"
#include "kernels/host/time_of_day.h"
#include "trainer/report/cells.h"

namespace hone::trainer {

namespace {
constexpr double kRedraw = 0.1, kLine = 5;  // seconds between two drawings, between two plain lines
constexpr size_t kRecent = 20;

}  // namespace

std::string metrics_line(const StepRecord& record) {
  const StepReport& r = record.report;
  OrderedJson line;
  line["step"] = r.step;
  line["loss"] = r.loss;
  line["grad_norm"] = r.gradient_norm;
  line["learning_rate"] = r.learning_rate;
  line["tokens"] = r.tokens;
  line["target_tokens"] = r.targets;
  line["seconds"] = record.seconds;
  line["data_seconds"] = r.data_seconds;
  line["peak_bytes"] = record.peak_bytes;
  return line.dump();
}

DisplayState Progress::state_of(const StepRecord& record) const {
  const StepReport& r = record.report;
  const double mean = std::accumulate(recent_.begin(), recent_.end(), 0.0) / double(recent_.size()),
               seconds = std::max(record.seconds, 1e-9);
  DisplayState state = state_;
  state.step = r.step, state.total = expected_.steps;
  state.loss = r.loss, state.gradient_norm = r.gradient_norm, state.learning_rate = r.learning_rate;
  state.losses = losses_.values();
  state.tokens_per_second = double(r.tokens) / seconds;
  if (expected_.flops_per_token > 0) state.flops = expected_.flops_per_token * state.tokens_per_second;
  state.data_wait = r.data_seconds / seconds;
  state.memory = record.peak_bytes, state.planned = expected_.planned_bytes;
  state.left.reset(), state.checkpoint.reset();
  const int64_t steps_left = expected_.steps - r.step;
  if (steps_left <= 0) return state;
  state.left = mean * double(steps_left);
  state.clock = clock_after(*state.left);
  double next = 0;
  if (expected_.save_steps > 0) {
    next = mean * double(expected_.save_steps - r.step % expected_.save_steps);
  } else if (expected_.save_seconds > 0) {
    next = std::max(mean, expected_.save_seconds - since_save_.seconds());
  }
  if (next > 0 && next < *state.left) state.checkpoint = next;
  return state;
}

void Progress::step(const StepRecord& record) {
  recent_.push_back(record.seconds);
  if (recent_.size() > kRecent) recent_.pop_front();
  losses_.add(record.report.loss);
  const bool last = record.report.step == expected_.steps,
             due = !said_any_ || last || since_line_.seconds() >= (screen_.terminal ? kRedraw : kLine);
  if (screen_.quiet || !due) return;
  state_ = state_of(record);
  said_any_ = true;
  since_line_.restart();
  alive_ = true;
  std::string text;
  if (screen_.terminal) {
    erase_block(text), draw(text);
  } else {
    text = plain_line(state_, screen_.width()) + "\n";
  }
  put(text);
}

void Progress::evaluated(int64_t step, double loss) {
  state_.best = !best_ || loss < *best_;
  if (state_.best) best_ = loss;
  state_.evaluation = loss, state_.evaluation_step = step;
}

// Up to where the block begins, and everything from there on gone. A window made narrower since has folded lines.
void Progress::erase_block(std::string& text) {
  const int width = std::max(1, screen_.width());
  int rows = 0;
  for (const int columns : drawn_) rows += std::max(1, (columns + width - 1) / width);
  text += "\r";
  if (rows > 0) text += "\x1b[" + std::to_string(rows) + "A";
  text += "\x1b[J";
  drawn_.clear();
}

void Progress::draw(std::string& text) {
  const DisplayStyle style{.width = screen_.width(), .utf8 = screen_.utf8, .colour = screen_.colour};
  const std::vector<std::string> coloured = live_display(state_, style);
  const std::vector<std::string> bare = live_display(state_, {.width = style.width, .utf8 = style.utf8});
  for (size_t i = 0; i < coloured.size(); ++i) {
    text += coloured[i] + "\n";
    drawn_.push_back(cells(bare[i]));
  }
}

void Progress::put(const std::string& text) { out_ << (screen_.utf8 ? text : plain_ascii(text)) << std::flush; }

void Progress::say(const std::string& lines) {
  if (!screen_.quiet) tell(lines);
}

void Progress::tell(const std::string& lines) {
  std::string text;
  const bool block = screen_.terminal && alive_;
  if (block) erase_block(text);
  text += lines + "\n";
  if (block) draw(text);
  put(text);
}

void Progress::close() {
  alive_ = false;
  drawn_.clear();
}

}  // namespace hone::trainer
