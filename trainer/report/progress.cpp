#include "trainer/report/progress.h"

#include <cstdio>
#include <numeric>

#include "kernels/host/json.h"
#include "kernels/host/text.h"

namespace hone::trainer {

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
  line["peak_bytes"] = record.peak_bytes;
  return line.dump();
}

namespace {
std::string short_number(double value, const char* format) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}
}  // namespace

void Progress::step(const StepRecord& record) {
  constexpr size_t kRecent = 20;
  recent_.push_back(record.seconds);
  if (recent_.size() > kRecent) recent_.pop_front();
  const StepReport& r = record.report;
  const bool last = r.step == total_;
  if (!every_step_ && said_any_ && !last && since_line_.seconds() < 2) return;
  said_any_ = true;
  since_line_.restart();
  const double mean = std::accumulate(recent_.begin(), recent_.end(), 0.0) / double(recent_.size());
  std::string left;
  if (!last) left = "  " + duration_text(mean * double(total_ - r.step)) + " left";
  say(joined("step ", r.step, "/", total_, "  loss ", short_number(r.loss, "%.4f"), "  grad ",
             short_number(r.gradient_norm, "%.3g"), "  lr ", short_number(r.learning_rate, "%.3g"), "  ",
             with_commas(int64_t(double(r.tokens) / std::max(record.seconds, 1e-9))), " tok/s  ",
             bytes_text(record.peak_bytes), left));
}

void Progress::say(const std::string& line) { screen_ << line << std::endl; }

}  // namespace hone::trainer
