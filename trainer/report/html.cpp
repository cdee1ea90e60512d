#include "trainer/report/html.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "kernels/host/text.h"
#include "trainer/report/chart.h"
#include "trainer/report/display.h"

namespace hone::trainer {

namespace {
constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --ink: #1c1c1a; --soft: #5c5b57; --faint: #8a8984; --rule: #e3e2dd; --grid: #ecebe7;
  --first: #2a6fd0; --second: #d9622b; --good: #1c7c34; --look: #9a6700; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root {
  --page: #161615; --card: #1f1f1d; --ink: #f0efea; --soft: #b5b4ae; --faint: #85847e; --rule: #353430; --grid: #2b2a27;
  --first: #5b9bf0; --second: #ef8a58; --good: #5cc97a; --look: #dcae3c; --bad: #f0776c; } }
@media print { :root { --page: #fff; --card: #fff; --ink: #000; --soft: #333; --faint: #666; --rule: #bbb; --grid: #ddd;
  --first: #1f5fbf; --second: #c04f1a; --good: #146c2b; --look: #7a5200; --bad: #9c1c12; }
  main { max-width: none; padding: 0; } section, figure, tr { break-inside: avoid; } section { box-shadow: none; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 24px; margin: 0 0 2px; overflow-wrap: anywhere; } h2 { font-size: 16px; margin: 0 0 12px; }
.lead { color: var(--soft); margin: 0 0 20px; }
.good { color: var(--good); } .look { color: var(--look); } .bad { color: var(--bad); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 18px 20px; margin: 0 0 16px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 14px 24px; }
.tile span { display: block; color: var(--soft); font-size: 13px; } .tile b { font-size: 20px; font-weight: 600; }
.tile small { display: block; color: var(--faint); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 18px 24px; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: 14px; margin-bottom: 4px; } small { font-weight: 400; color: var(--faint); }
svg { display: block; width: 100%; height: auto; overflow: visible; font-size: 11px; }
svg text { fill: var(--faint); } svg .y { text-anchor: end; } svg .x { text-anchor: middle; }
.grid { stroke: var(--grid); } .plan { stroke: var(--soft); stroke-dasharray: 5 4; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; } .band { opacity: .16; }
.line.s0 { stroke: var(--first); } .line.s1 { stroke: var(--second); } .band.s0, .dot.s0 { fill: var(--first); } .band.s1, .dot.s1 { fill: var(--second); }
.dot { stroke: var(--card); stroke-width: 1.5; }
.key { font-weight: 400; color: var(--soft); font-size: 13px; margin-left: 14px; }
.key::before { content: ""; display: inline-block; width: 14px; margin-right: 6px; vertical-align: 4px; border-top: 2.5px solid; }
.k0::before { color: var(--first); } .k1::before { color: var(--second); } .kp::before { color: var(--soft); border-top-style: dashed; }
.at rect { fill: transparent; } .at line { stroke: var(--faint); } .at text { text-anchor: end; fill: var(--ink); white-space: pre; }
.at line, .at circle, .at text { visibility: hidden; pointer-events: none; }
.at:hover line, .at:hover circle, .at:hover text { visibility: visible; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } td, th { text-align: left; vertical-align: top; padding: 6px 14px 6px 0; border-top: 1px solid var(--rule); overflow-wrap: anywhere; }
tr:first-child > * { border-top: 0; } th { color: var(--soft); font-weight: 500; white-space: nowrap; } td.n { font-variant-numeric: tabular-nums; }
thead th { border-bottom: 1px solid var(--rule); } code, pre { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; } pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.sample { white-space: pre-wrap; } .note { color: var(--soft); font-size: 14px; margin: 12px 0 0; }
)";

std::string row(const std::string& name, const std::string& html) {
  return "<tr><th scope=\"row\">" + escaped(name) + "</th><td class=\"n\">" + html + "</td></tr>\n";
}
std::string section(const std::string& title, const std::string& html) {
  return html.empty() ? "" : "<section>\n<h2>" + escaped(title) + "</h2>\n" + html + "</section>\n";
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
  const std::string title = escaped(fs::absolute(run.folder).lexically_normal().filename().string());
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src "
      "data:\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"referrer\" content=\"no-referrer\"/>\n<title>" +
      title + " · hone</title>\n<style>" + std::string(kStyle) + "</style>\n</head>\n<body>\n<main>\n";
  page += header(run) + tiles(run);
  page += section("Curves", curves(run));
  page += section("Plan and truth", plan_and_truth(run));
  page += section("Samples", samples(run));
  page += section("What was learned", table_of(run.receipt));
  page += section("Course and incidents", course(run));
  page += section("Provenance", provenance(run));
  if (!run.recipe.empty()) page += section("Recipe", "<pre>" + escaped(run.recipe) + "</pre>\n");
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace hone::trainer
