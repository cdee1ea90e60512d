#include "trainer/report/run_record.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <set>
#include <sstream>

#include "kernels/host/median.h"
#include "kernels/host/text.h"
#include "trainer/report/cells.h"
#include "trainer/report/display.h"

namespace hone::trainer {

namespace {
// Values of what a program may have left half-written: the wrong type is no value.
double number(const OrderedJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}
int64_t integer(const OrderedJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}
std::string text(const OrderedJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

template <class Take>
void each_line(const fs::path& file, const Take& take) {
  if (!fs::exists(file)) return;
  std::istringstream lines(read_text(file));
  for (std::string line; std::getline(lines, line);)
    if (const OrderedJson json = OrderedJson::parse(line, nullptr, false); json.is_object()) take(json);
}

OrderedJson json_in(const fs::path& file) {
  if (!fs::exists(file)) return nullptr;
  const OrderedJson json = OrderedJson::parse(read_text(file), nullptr, false);
  return json.is_object() ? json : OrderedJson(nullptr);
}

// "20:07" in local time, with the day where it is not within the last one.
std::string clock_of(const std::string& utc) {
  std::tm parts{};
  if (utc.size() != 20 || !::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts)) return "an unknown time";
  const std::time_t then = ::timegm(&parts);
  std::tm local{};
  ::localtime_r(&then, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(),
                std::abs(std::difftime(std::time(nullptr), then)) < 86400 ? "%H:%M" : "%H:%M on %d %b %Y", &local);
  return text.data();
}

std::string counted(int64_t count, const std::string& one, const std::string& many) {
  return with_commas(count) + " " + (count == 1 ? one : many);
}

// "done at 20:07, 374 steps, 2 epochs, 1 h 36 (planned 1 h 33), 0 incidents"
std::string head_line(const RunRecord& run) {
  const int64_t last = run.steps.empty() ? 0 : run.steps.back().step;
  const std::string end = run.end(), of = run.total_steps > 0 ? " of " + std::to_string(run.total_steps) : "";
  const auto end_event = std::ranges::find(run.events.rbegin(), run.events.rend(), end, &RunRecord::Event::event);
  const std::string time = end.empty() ? "" : " at " + clock_of(end_event->time);
  std::string line = end == "done"     ? "done" + time + ", " + counted(last, "step", "steps")
                     : end == "stop"   ? "stopped" + time + " after step " + std::to_string(last) + of
                     : end == "failed" ? "failed" + time + " after step " + std::to_string(last) + of
                                       : "not finished: step " + std::to_string(last) + of;
  if (const double epochs = number(run.summary, "epochs"); end == "done" && epochs > 0)
    line += ", " + to_text(epochs) + (epochs == 1 ? " epoch" : " epochs");
  line += ", " + short_duration(run.seconds());
  if (run.planned_seconds > 0) line += " (planned " + short_duration(run.planned_seconds) + ")";
  line += ", " + counted(run.incidents(), "incident", "incidents") + "\n";
  if (end == "failed" && !end_event->text.empty()) line += "reason    " + printable(end_event->text) + "\n";
  return line;
}

std::string loss_line(const RunRecord& run) {
  if (run.steps.empty()) return "";
  std::string line = "loss " + loss_text(run.steps.front().loss) + " → " + loss_text(run.steps.back().loss);
  if (!run.evaluations.empty()) {
    const auto &first = run.evaluations.front(), &last = run.evaluations.back();
    line += "   evaluation " + loss_text(first.loss) + " → " + loss_text(last.loss) + " (perplexity " +
            loss_text(first.perplexity) + " → " + loss_text(last.perplexity) + ")";
    line += "   best at step " + std::to_string(run.best()->step);
  }
  return line + "\n";
}

std::string samples_line(const RunRecord& run) {
  std::set<std::string> before, after;
  if (run.samples.empty()) return "";
  for (const RunRecord::Sample& sample : run.samples) {
    if (sample.step == run.samples.front().step) before.insert(sample.prompt);
    if (sample.step == run.samples.back().step) after.insert(sample.prompt);
  }
  const bool both = run.samples.front().step != run.samples.back().step;
  return "samples   " + counted(int64_t(after.size()), "prompt", "prompts") + (both ? " before and after" : "") +
         "   samples.jsonl\n";
}

// The adapter or model, where it is, and what to do with it.
std::string result_lines(const RunRecord& run, const fs::path& html) {
  const std::string folder = run.folder.string();
  const fs::path adapter = run.folder / "adapter" / "adapter_model.safetensors", model = run.folder / "model";
  std::string lines;
  if (fs::exists(adapter)) {
    const std::string hash = text(run.summary, "sha256");
    lines += "adapter   " + folder + "/adapter   " + bytes_text(fs::file_size(adapter));
    if (hash.size() > 8) lines += "   sha256 " + hash.substr(0, 8) + "…";
  } else if (fs::exists(model)) {
    lines += "model     " + model.string();
  }
  if (!lines.empty() && !run.provenance.is_null()) lines += "   hashes of all that went in: provenance.json";
  if (!lines.empty()) lines += "\n";
  if (fs::is_regular_file(html)) lines += "report    " + html.string() + "\n";
  if (run.end() != "done") {
    lines += "next      hone train " + folder + "/recipe.yaml --resume\n";
  } else if (fs::exists(adapter)) {
    lines += "next      hone chat " + folder + "        hone merge " + folder + " --out DIR\n";
  } else {
    lines += "next      hone chat " + model.string() + "\n";
  }
  return lines;
}
}  // namespace

std::string RunRecord::end() const {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->event == "done" || event->event == "stop" || event->event == "failed") return event->event;
    if (event->event == "start" || event->event == "resume") return "";
  }
  return "";
}

int64_t RunRecord::incidents() const {
  return std::ranges::count_if(events, [](const Event& e) { return e.event == "incident" || e.event == "failed"; });
}

std::optional<RunRecord::Evaluated> RunRecord::best() const {
  if (evaluations.empty()) return {};
  return *std::ranges::min_element(evaluations, {}, &Evaluated::loss);
}

double RunRecord::seconds() const {
  double sum = 0;
  for (const Step& step : steps) sum += step.seconds;
  return sum;
}

double RunRecord::step_seconds() const {
  std::vector<double> seconds;
  for (const Step& step : steps) seconds.push_back(step.seconds);
  return median(std::move(seconds));
}

RunRecord read_run(const fs::path& folder) {
  const fs::path clean = folder.has_filename() ? folder : folder.parent_path();  // "runs/x/" is "runs/x"
  require(fs::is_directory(clean), ExitCode::input, missing_text(clean));
  require(fs::exists(clean / "recipe.yaml") || fs::exists(clean / "metrics.jsonl"), ExitCode::input, clean.string(),
          ": holds no run: there is neither a recipe.yaml nor a metrics.jsonl");
  RunRecord run;
  run.folder = clean;
  each_line(clean / "metrics.jsonl", [&](const OrderedJson& line) {
    run.steps.push_back({.step = integer(line, "step"),
                         .loss = number(line, "loss"),
                         .gradient_norm = number(line, "grad_norm"),
                         .learning_rate = number(line, "learning_rate"),
                         .tokens = number(line, "tokens"),
                         .seconds = number(line, "seconds"),
                         .peak_bytes = number(line, "peak_bytes")});
  });
  each_line(clean / "evaluation.jsonl", [&](const OrderedJson& line) {
    run.evaluations.push_back({integer(line, "step"), number(line, "loss"), number(line, "perplexity")});
  });
  each_line(clean / "samples.jsonl", [&](const OrderedJson& line) {
    run.samples.push_back(
        {integer(line, "step"), number(line, "temperature"), text(line, "prompt"), text(line, "text")});
  });
  each_line(clean / "events.jsonl", [&](const OrderedJson& line) {
    run.events.push_back({text(line, "time"), text(line, "event"), text(line, "text"), integer(line, "step")});
    if (line.contains("steps")) run.total_steps = integer(line, "steps");
    if (line.contains("planned_bytes")) run.planned_bytes = number(line, "planned_bytes");
    if (line.contains("planned_seconds")) run.planned_seconds = number(line, "planned_seconds");
  });
  if (const OrderedJson plan = json_in(clean / "plan.json"); plan.is_object())
    run.planned_speed = number(plan, "tokens_per_second");
  run.receipt = json_in(clean / "receipt.json");
  run.summary = json_in(clean / "summary.json");
  run.provenance = json_in(clean / "provenance.json");
  if (fs::exists(clean / "recipe.yaml")) run.recipe = read_text(clean / "recipe.yaml");
  return run;
}

std::string morning_page(const RunRecord& run, const fs::path& html) {
  return head_line(run) + loss_line(run) + samples_line(run) + result_lines(run, html);
}

}  // namespace hone::trainer
