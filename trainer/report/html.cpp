#include "trainer/report/html.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "kernels/host/text.h"
#include "trainer/report/chart.h"
#include "trainer/report/display.h"
#include "trainer/report/html_page.h"

namespace hone::trainer {

namespace {
std::string row(const std::string& name, const std::string& html) {
  return "<tr><th scope=\"row\">" + escaped(name) + "</th><td class=\"n\">" + html + "</td></tr>\n";
}
std::string tile(const std::string& name, const std::string& value, const std::string& below = {}) {
  return "<div class=\"tile\"><span>" + escaped(name) + "</span><b>" + escaped(value) + "</b>" +
         (below.empty() ? "" : "<small>" + escaped(below) + "</small>") + "</div>\n";
}

std::string gib_text(double gib) { return bytes_text(uint64_t(std::max(0.0, gib) * 1073741824.0)); }
std::string count_text(double value) { return with_commas(int64_t(value)); }
std::string short_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

std::string seconds_text(double seconds) {
  return seconds >= 100 ? short_duration(seconds) : short_number(seconds) + " s";
}

std::string loss_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

// How it ended, in a word, its sign and its colour.
struct Ending {
  std::string word, sign, colour;
};
Ending ending_of(const RunRecord& run) {
  const std::string end = run.end();
  if (end == "done") return {"done", "✓", "good"};
  if (end == "stop") return {"stopped, can go on", "◼", "look"};
  if (end == "failed") return {"failed", "✕", "bad"};
  return {"not finished", "…", "look"};
}

std::string header(const RunRecord& run) {
  const Ending ending = ending_of(run);
  const fs::path name = fs::absolute(run.folder).lexically_normal().filename();
  std::string lead = "<span class=\"" + ending.colour + "\">" + ending.sign + " " + escaped(ending.word) + "</span>";
  if (!run.events.empty()) lead += " · " + escaped(run.events.back().time);
  const auto version = run.provenance.is_object() ? run.provenance.find("hone") : run.provenance.end();
  if (version != run.provenance.end() && version->is_string())
    lead += " · hone " + escaped(version->get<std::string>());
  return "<h1>" + escaped(name.string()) + "</h1>\n<p class=\"lead\">" + lead + "</p>\n";
}

std::string tiles(const RunRecord& run) {
  std::string html;
  if (!run.steps.empty()) {
    const RunRecord::Step &first = run.steps.front(), &last = run.steps.back();
    html += tile("training loss", loss_text(first.loss) + " → " + loss_text(last.loss), "first step, last step");
    if (!run.evaluations.empty()) {
      const auto &before = run.evaluations.front(), &after = run.evaluations.back();
      html += tile("evaluation loss", loss_text(before.loss) + " → " + loss_text(after.loss),
                   "perplexity " + loss_text(before.perplexity) + " → " + loss_text(after.perplexity) +
                       ", best at step " + count_text(double(run.best()->step)));
    }
    double tokens = 0;
    for (const RunRecord::Step& step : run.steps) tokens += step.tokens;
    const std::string of = run.total_steps > last.step ? " of " + count_text(double(run.total_steps)) : "";
    html += tile("steps", count_text(double(last.step)) + of, count_text(tokens) + " tokens");
    html += tile("time in steps", short_duration(run.seconds()),
                 count_text(tokens / std::max(run.seconds(), 1e-9)) + " tok/s, no padding counted");
  }
  const int64_t incidents = run.incidents();
  html += tile("incidents", count_text(double(incidents)), incidents == 0 ? "nothing went wrong" : "see below");
  return "<section class=\"tiles\">\n" + html + "</section>\n";
}

std::string curves(const RunRecord& run) {
  std::vector<Point> loss, norm, rate, speed, memory, held_out;
  for (const RunRecord::Step& s : run.steps) {
    const auto x = double(s.step);
    loss.push_back({x, s.loss}), norm.push_back({x, s.gradient_norm}), rate.push_back({x, s.learning_rate});
    speed.push_back({x, s.seconds > 0 ? s.tokens / s.seconds : 0}), memory.push_back({x, s.peak_bytes / 1073741824.0});
  }
  for (const RunRecord::Evaluated& e : run.evaluations) held_out.push_back({double(e.step), e.loss});
  std::string html;
  const std::vector<Chart> charts{
      {.title = "Loss",
       .series = {{.name = "training", .points = loss}, {.name = "evaluation", .points = held_out, .marked = true}},
       .logarithmic = true,
       .value_text = loss_number},
      {.title = "Learning rate",
       .series = {{.name = "rate", .points = rate}},
       .from_zero = true,
       .value_text = rate_text},
      {.title = "Gradient norm",
       .series = {{.name = "norm", .points = norm}},
       .logarithmic = true,
       .value_text = short_number},
      {.title = "Tokens per second",
       .unit = " tok/s",
       .series = {{.name = "speed", .points = speed}},
       .from_zero = true,
       .planned = run.planned_speed,
       .value_text = count_text},
      {.title = "Memory, largest so far",
       .series = {{.name = "measured", .points = memory}},
       .from_zero = true,
       .planned = run.planned_bytes / 1073741824.0,
       .value_text = gib_text}};
  for (const Chart& each : charts) html += chart(each);
  return html.empty() ? "" : "<div class=\"charts\">\n" + html + "</div>\n";
}

// Values of a JSON file as people read them: {"read": 20, "used": 18} is "read 20 · used 18".
std::string words_of(const OrderedJson& json) {
  if (json.is_string()) return escaped(json.get<std::string>());
  if (json.is_number_integer()) return with_commas(json.get<int64_t>());
  if (json.is_number()) return escaped(short_number(json.get<double>()));
  if (json.is_boolean()) return json.get<bool>() ? "yes" : "no";
  std::string html;
  const auto add = [&](const std::string& part) { html += (html.empty() ? "" : " · ") + part; };
  if (json.is_array())
    for (const OrderedJson& entry : json)
      add(entry.is_object() && entry.contains("line") ? words_of(entry["line"]) : words_of(entry));
  if (!json.is_object()) return html;
  if (json.contains("count") && json.contains("first")) {  // places: how many, and the lines of some
    html = words_of(json["count"]);
    if (!json["first"].empty()) html += " (lines " + words_of(json["first"]) + ")";
    return html;
  }
  for (const auto& [key, value] : json.items()) {
    std::string name = key;
    std::ranges::replace(name, '_', ' ');
    add("<span class=\"soft\">" + escaped(name) + "</span> " + words_of(value));
  }
  return html;
}

std::string table_of(const OrderedJson& json) {
  if (!json.is_object()) return "";
  std::string html;
  for (const auto& [key, value] : json.items()) {
    std::string name = key;
    std::ranges::replace(name, '_', ' ');
    html += row(name, words_of(value));
  }
  return "<table><tbody>\n" + html + "</tbody></table>\n";
}

std::string plan_and_truth(const RunRecord& run) {
  double peak = 0;
  for (const RunRecord::Step& step : run.steps) peak = std::max(peak, step.peak_bytes);
  const auto line = [](const std::string& name, const std::string& planned, const std::string& measured, double ratio) {
    return "<tr><th scope=\"row\">" + name + "</th><td class=\"n\">" + planned + "</td><td class=\"n\">" + measured +
           "</td><td class=\"n\">" + (ratio > 0 ? escaped(short_number(100 * ratio)) + " %" : "") + "</td></tr>\n";
  };
  std::string html;
  if (run.planned_bytes > 0 && peak > 0)
    html += line("peak memory", bytes_text(uint64_t(run.planned_bytes)), bytes_text(uint64_t(peak)),
                 peak / run.planned_bytes);
  if (run.planned_seconds > 0 && run.seconds() > 0)
    html += line("time in steps", short_duration(run.planned_seconds), short_duration(run.seconds()),
                 run.end() == "done" ? run.seconds() / run.planned_seconds : 0);
  if (run.planned_seconds > 0 && run.total_steps > 0 && run.steps.size() > 1) {
    const double planned = run.planned_seconds / double(run.total_steps), measured = run.step_seconds();
    html += line("a step, median", seconds_text(planned), seconds_text(measured), measured / planned);
  }
  if (html.empty()) return "";
  return "<table><thead><tr><th></th><th scope=\"col\">planned</th><th scope=\"col\">measured</th>"
         "<th scope=\"col\">of the plan</th></tr></thead><tbody>\n" +
         html + "</tbody></table>\n";
}

std::string samples(const RunRecord& run) {
  if (run.samples.empty()) return "";
  const int64_t first = run.samples.front().step, last = run.samples.back().step;
  std::string html = "<table><thead><tr><th scope=\"col\">prompt</th><th scope=\"col\">step " + with_commas(first) +
                     "</th>" + (last != first ? "<th scope=\"col\">step " + with_commas(last) + "</th>" : "") +
                     "</tr></thead><tbody>\n";
  const auto text_at = [&](int64_t step, const RunRecord::Sample& like) {
    std::string text;
    for (const RunRecord::Sample& s : run.samples)
      if (s.step == step && s.prompt == like.prompt && s.temperature == like.temperature) text = s.text;
    return "<td class=\"sample\" dir=\"auto\">" + escaped(text) + "</td>";
  };
  for (const RunRecord::Sample& sample : run.samples) {
    if (sample.step != first) break;
    html += "<tr><td class=\"sample\" dir=\"auto\">" + escaped(sample.prompt) +
            (sample.temperature > 0 ? " <small>temperature " + escaped(short_number(sample.temperature)) + "</small>"
                                    : "") +
            "</td>" + text_at(first, sample) + (last != first ? text_at(last, sample) : "") + "</tr>\n";
  }
  return html + "</tbody></table>\n";
}

std::string course(const RunRecord& run) {
  if (run.events.empty()) return "";
  std::string html;
  for (const RunRecord::Event& event : run.events) {
    const bool bad = event.event == "incident" || event.event == "failed";
    html += "<tr><th scope=\"row\">" + escaped(event.time) + "</th><td class=\"n\">step " + with_commas(event.step) +
            "</td><td>" +
            (bad ? "<span class=\"" + std::string(event.event == "failed" ? "bad" : "look") + "\">! " +
                       escaped(event.event) + "</span> "
                 : escaped(event.event) + " ") +
            escaped(event.text) + "</td></tr>\n";
  }
  return "<table><tbody>\n" + html + "</tbody></table>\n";
}

std::string provenance(const RunRecord& run) {
  if (!run.provenance.is_object()) return "";
  std::string html;
  const OrderedJson flat = run.provenance.flatten();
  for (const auto& [pointer, value] : flat.items()) {
    std::string name = pointer.substr(1);
    std::ranges::replace(name, '/', ' ');
    std::ranges::replace(name, '_', ' ');
    html += row(name, "<code>" + words_of(value) + "</code>");
  }
  return "<table><tbody>\n" + html +
         "</tbody></table>\n<p class=\"note\">What was trained may have learned rows of its data by "
         "heart. Treat it as you treat the data.</p>\n";
}
}  // namespace

std::string report_html(const RunRecord& run) {
  std::string page = header(run) + tiles(run);
  page += html_section("Curves", curves(run));
  page += html_section("Plan and truth", plan_and_truth(run));
  page += html_section("Samples", samples(run));
  page += html_section("What was learned", table_of(run.receipt));
  page += html_section("Course and incidents", course(run));
  page += html_section("Provenance", provenance(run));
  if (!run.recipe.empty()) page += html_section("Recipe", "<pre>" + escaped(run.recipe) + "</pre>\n");
  return html_page(fs::absolute(run.folder).lexically_normal().filename().string(), page);
}

}  // namespace hone::trainer
