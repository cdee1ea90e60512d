#include "trainer/run/run_log.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "kernels/host/json.h"
#include "trainer/report/cells.h"
#include "trainer/report/html.h"

namespace hone::trainer {

namespace {
// "2026-11-24T20:07:31Z"
std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}
}  // namespace

void RunLog::quietly(const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    if (!failure_told_) tell(std::string("note     ") + error.what() + "; the run goes on without it");
    failure_told_ = true;
  }
}

void RunLog::append_event(std::string_view event, int64_t step, const OrderedJson& more) {
  OrderedJson line{{"time", utc_now()}, {"step", step}, {"event", event}};
  line.update(more);
  quietly([&] { LineAppender(folder_.events()).append(line.dump()); });
}

void RunLog::event(std::string_view event, int64_t step, const std::string& text) {
  append_event(event, step, text.empty() ? OrderedJson::object() : OrderedJson{{"text", text}});
}

void RunLog::begin(int64_t steps_done, const Progress::Expected& expected) {
  progress_.expect(expected);
  metrics_.emplace(folder_.metrics());
  append_event(steps_done > 0 ? "resume" : "start", steps_done,
               {{"steps", expected.steps},
                {"planned_bytes", expected.planned_bytes},
                {"planned_seconds", expected.planned_seconds}});
  quietly([&] {
    tensorboard_.emplace(folder_.tensorboard(), wall_time());
    if (steps_done > 0) tensorboard_->session_start(wall_time(), steps_done + 1);
  });
}

void RunLog::step(const StepRecord& record) {
  metrics_->append(metrics_line(record));
  progress_.step(record);
  if (!tensorboard_) return;
  const StepReport& r = record.report;
  quietly([&] {
    tensorboard_->scalars(wall_time(), r.step,
                          {{"train/loss", r.loss},
                           {"train/gradient_norm", r.gradient_norm},
                           {"train/learning_rate", r.learning_rate},
                           {"speed/tokens_per_second", double(r.tokens) / std::max(record.seconds, 1e-9)},
                           {"speed/data_wait", r.data_seconds / std::max(record.seconds, 1e-9)},
                           {"memory/peak_gib", double(record.peak_bytes) / double(uint64_t(1) << 30)}});
  });
}

void RunLog::evaluated(int64_t step, const Evaluation& evaluation) {
  LineAppender(folder_.evaluation())
      .append(OrderedJson{{"step", step},
                          {"loss", evaluation.loss},
                          {"perplexity", evaluation.perplexity},
                          {"target_tokens", evaluation.target_tokens}}
                  .dump());
  progress_.evaluated(step, evaluation.loss);
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "evaluation  loss %.4f  perplexity %.3f  (%zu rows)", evaluation.loss,
                evaluation.perplexity, evaluation.rows.size());
  say(text.data());
  if (tensorboard_)
    quietly([&] {
      tensorboard_->scalars(wall_time(), step,
                            {{"evaluation/loss", evaluation.loss}, {"evaluation/perplexity", evaluation.perplexity}});
    });
}

void RunLog::sample(int64_t step, const std::string& prompt, double temperature, const std::string& text) {
  LineAppender(folder_.samples())
      .append(OrderedJson{{"step", step}, {"prompt", prompt}, {"temperature", temperature}, {"text", text}}.dump());
  if (temperature == 0) say("sample   " + printable(prompt) + " → " + printable(text));
}

void RunLog::incident(int64_t step, const std::string& text) {
  tell("note     " + text);
  event("incident", step, text);
}

std::string RunLog::report() {
  try {
    write_text(folder_.report(), report_html(read_run(folder_.path())));
  } catch (const std::exception& error) {
    tell(std::string("note     report.html was not written, the result is whole: ") + error.what());
  }
  try {
    std::string page = morning_page(read_run(folder_.path()), folder_.report());
    if (page.ends_with('\n')) page.pop_back();
    return page;
  } catch (const std::exception& error) {
    return "done     " + folder_.path().string();
  }
}

}  // namespace hone::trainer
