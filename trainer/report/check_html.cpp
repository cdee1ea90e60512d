#include "trainer/report/check_html.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "data/check/rendered_row.h"
#include "kernels/host/error.h"
#include "kernels/host/text.h"
#include "trainer/report/chart.h"
#include "trainer/report/html_page.h"

namespace hone::trainer {

namespace {
using data::FindingAbout;
using data::FindingGroup;

constexpr size_t kPlaces = 20;
constexpr std::string_view kRowStyle = R"(
.row { white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.6 ui-monospace, "DejaVu Sans Mono", monospace; background: var(--page); border-radius: 6px; padding: 12px 14px; margin: 6px 0 2px; }
.row .read { color: var(--faint); } .row .learned { color: var(--good); font-weight: 600; text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 4px; }
.row .special { border: 1px solid currentColor; border-radius: 4px; padding: 0 3px; font-weight: 400; font-size: 11.5px; text-decoration: none; display: inline-block; line-height: 1.35; }
.row .learned.special { background: var(--good); color: var(--page); border-color: var(--good); }
.dot { color: var(--look); } .legend { color: var(--soft); font-size: 13px; margin: 0 0 10px; } .legend .row { display: inline; padding: 1px 6px; margin: 0 2px 0 10px; }
.at-row { display: flex; justify-content: space-between; gap: 12px; flex-wrap: wrap; font-size: 13px; color: var(--soft); margin-top: 16px; } .at-row b { color: var(--ink); font-weight: 600; }
.bar { fill: var(--first); } .bar.long { fill: var(--second); } .limit { stroke: var(--look); stroke-dasharray: 5 4; } svg .limit-name { fill: var(--look); text-anchor: end; }
tr.group th { padding-top: 16px; color: var(--ink); font-weight: 600; } td.n { white-space: nowrap; text-align: right; } td small { display: block; }
.packing { max-width: 620px; margin-top: 14px; } .tiles { grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); }
@media print { .row { background: none; border: 1px solid var(--rule); } }
)";

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", 100 * share);
  return text.data();
}
std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::string tile(const std::string& name, const std::string& value, const std::string& below) {
  return "<div class=\"tile\"><span>" + escaped(name) + "</span><b>" + escaped(value) + "</b><small>" + escaped(below) +
         "</small></div>\n";
}

std::string header(const data::CheckReport& report, const CheckOutcome& outcome, const std::string& title) {
  const bool bad = !outcome.exceeded.empty() || outcome.stops || !report.problem.empty();
  std::string words = bad                  ? "✕ not as it should be"
                      : outcome.limits > 0 ? "✓ within the limits of data.check"
                                           : "read and reported; no limits are set";
  std::string html = "<h1>" + escaped(title) + "</h1>\n<p class=\"lead\"><span class=\"" +
                     (bad                  ? "bad"
                      : outcome.limits > 0 ? "good"
                                           : "look") +
                     "\">" + words + "</span> · what the model will learn from</p>\n";
  std::string list;
  if (outcome.stops) list += "<tr><td class=\"bad\">✕ training would not start: rows that cannot be read</td></tr>\n";
  if (!report.problem.empty()) list += "<tr><td class=\"bad\">✕ " + escaped(report.problem) + "</td></tr>\n";
  for (const data::Exceeded& each : outcome.exceeded)
    list += "<tr><td class=\"bad\">✕ " + escaped(each.text()) + "</td></tr>\n";
  if (!list.empty()) html += html_section("What is refused", "<table><tbody>\n" + list + "</tbody></table>\n");
  return html;
}

std::string tiles(const data::CheckReport& r) {
  const double learned = r.tokens > 0 ? double(r.learned) / double(r.tokens) : 0;
  std::string html =
      tile("rows used", with_commas(r.used), "of " + with_commas(r.read) + " read") +
      tile("tokens", with_commas(r.tokens), percent(learned) + " of them learned") +
      tile("median length", with_commas(r.lengths.at(0.5)), "longest " + with_commas(r.lengths.longest())) +
      tile("rows to evaluate on", with_commas(r.evaluation_rows), r.held_out > 0 ? "held out by hash" : "own files");
  const int64_t copies = r.findings.rows(FindingGroup::copies);
  html += tile("copies", with_commas(copies), "exact, near, shared");
  html += tile("like secrets", with_commas(r.findings.strings(FindingGroup::secrets)),
               "and " + with_commas(r.findings.strings(FindingGroup::personal)) + " like personal data");
  return "<section class=\"tiles\">\n" + html + "</section>\n";
}

std::string histogram(const data::CheckReport& report, int64_t max_length) {
  const std::vector<data::LengthBin> bins = report.lengths.bins(max_length, 24);
  if (bins.empty()) return "";
  constexpr double kWidth = 900, kHeight = 240, kLeft = 8, kRight = 8, kTop = 38, kBottom = 24;
  int64_t most = 0;
  for (const data::LengthBin& bin : bins) most = std::max(most, bin.rows);
  const double step = (kWidth - kLeft - kRight) / double(bins.size()), tall = kHeight - kTop - kBottom;
  std::string svg;
  const size_t every = bins.size() > 12 ? 2 : 1;
  for (size_t i = 0; i < bins.size(); ++i) {
    const data::LengthBin& bin = bins[i];
    const double x = kLeft + double(i) * step,
                 height = bin.rows == 0 ? 0 : std::max(1.5, tall * double(bin.rows) / double(most));
    const bool longer = max_length > 0 && bin.from > max_length;
    const std::string words = bin_words(bin) + " tokens: " + with_commas(bin.rows) + (bin.rows == 1 ? " row" : " rows");
    svg += "<g class=\"at\"><rect x=\"" + number(x) + "\" y=\"" + number(kTop) + "\" width=\"" + number(step) +
           "\" height=\"" + number(tall) + "\"/><text x=\"" + number(kWidth - kRight) + "\" y=\"12\">" +
           escaped(words) + "</text><title>" + escaped(words) + "</title></g>\n";
    if (height > 0)
      svg += "<rect class=\"bar" + std::string(longer ? " long" : "") + "\" pointer-events=\"none\" x=\"" +
             number(x + 1) + "\" y=\"" + number(kTop + tall - height) + "\" width=\"" +
             number(std::max(1.0, step - 2)) + "\" height=\"" + number(height) + "\"/>\n";
    if (i % every == 0)
      svg += "<text class=\"x\" x=\"" + number(x + step / 2) + "\" y=\"" + number(kHeight - 8) + "\">" +
             (i + 1 == bins.size() && bin.to - bin.from > 2 * (bins[0].to - bins[0].from) ? "≥ " : "") +
             with_commas(bin.from) + "</text>\n";
    if (max_length > 0 && bin.to == max_length + 1 && i + 1 < bins.size())
      svg += "<line class=\"limit\" x1=\"" + number(x + step) + "\" x2=\"" + number(x + step) + "\" y1=\"" +
             number(kTop - 14) + "\" y2=\"" + number(kTop + tall) + "\"/><text class=\"limit-name\" x=\"" +
             number(x + step - 5) + "\" y=\"" + number(kTop - 6) + "\">max_length " + with_commas(max_length) +
             "</text>\n";
  }
  svg += "<line class=\"grid\" x1=\"" + number(kLeft) + "\" x2=\"" + number(kWidth - kRight) + "\" y1=\"" +
         number(kTop + tall) + "\" y2=\"" + number(kTop + tall) + "\"/>\n";
  const data::Lengths& l = report.lengths;
  return "<figure>\n<figcaption>Tokens a row <small>median " + with_commas(l.at(0.5)) + ", 95 % up to " +
         with_commas(l.at(0.95)) + ", 99 % up to " + with_commas(l.at(0.99)) +
         (l.longest() <= max_length ? ", none longer than max_length " + with_commas(max_length) : "") +
         "</small></figcaption>\n<svg viewBox=\"0 0 " + number(kWidth) + " " + number(kHeight) +
         "\" role=\"img\" aria-label=\"lengths of rows\">\n" + svg + "</svg>\n</figure>\n";
}

std::string packing(const data::CheckReport& report, int64_t max_length) {
  if (report.packing.empty()) return "";
  std::string html =
      "<table class=\"packing\"><thead><tr><th scope=\"col\">max_length</th><th scope=\"col\">packed rows</th><th "
      "scope=\"col\">padding</th><th scope=\"col\">too long</th><th scope=\"col\">cut</th></tr></thead><tbody>\n";
  for (const data::PackingOutcome& each : report.packing)
    html += "<tr><td>" + with_commas(each.max_length) +
            (each.max_length == max_length ? " <small>as it is set</small>" : "") + "</td><td>" +
            with_commas(each.rows) + "</td><td>" + percent(each.padding) + "</td><td>" + with_commas(each.dropped) +
            "</td><td>" + with_commas(each.cut) + "</td></tr>\n";
  return html + "</tbody></table>\n";
}

std::string findings(const data::CheckReport& report) {
  constexpr std::array kGroups{std::pair{FindingGroup::rows, "Rows"},
                               std::pair{FindingGroup::answers, "Answers"},
                               std::pair{FindingGroup::text, "Text"},
                               std::pair{FindingGroup::copies, "Copies"},
                               std::pair{FindingGroup::secrets, "Strings that look like secrets"},
                               std::pair{FindingGroup::personal, "Strings that look like personal data"}};
  std::string html, clean;
  for (const auto& [group, name] : kGroups) {
    std::string rows;
    for (const FindingAbout& about : data::all_findings()) {
      if (about.group != group) continue;
      if (report.findings[about.finding].rows == 0) {
        std::string key(about.key);
        std::ranges::replace(key, '_', ' ');
        clean += (clean.empty() ? "" : ", ") + key;
        continue;
      }
      rows += "<tr><td><span class=\"look\">!</span> " + escaped(finding_words(report, about.finding)) +
              (about.advice.empty() ? "" : "<small>" + escaped(about.advice) + "</small>") + "</td><td>" +
              escaped(finding_places(report, about.finding, kPlaces)) + "</td></tr>\n";
    }
    if (!rows.empty())
      html += "<tr class=\"group\"><th colspan=\"2\" scope=\"colgroup\">" + escaped(name) + "</th></tr>\n" + rows;
  }
  if (!html.empty()) html = "<table><tbody>\n" + html + "</tbody></table>\n";
  if (!clean.empty())
    html += "<p class=\"note\"><span class=\"good\">✓</span> Looked for and not found: " + escaped(clean) + ".</p>\n";
  if (!report.read_text) html += "<p class=\"note\">There is no tokenizer: text was not looked at.</p>\n";
  return html;
}

// Text of a span; spaces at a line's end, or at the span's where `before_end`, as dots.
std::string text_html(const std::string& text, bool before_end) {
  std::string html;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    size_t last = end;
    if (end < text.size() || before_end)
      while (last > begin && text[last - 1] == ' ') --last;
    html += escaped(std::string_view(text).substr(begin, last - begin));
    if (last < end) {
      html += "<span class=\"dot\">";
      for (size_t i = last; i < end; ++i) html += "·";
      html += "</span>";
    }
    if (end == text.size()) break;
    html += "\n";
    begin = end + 1;
  }
  return html;
}

std::string rows(const data::CheckReport& report, const data::Tokenizer* tokenizer) {
  if (!tokenizer || report.shown.empty()) return "";
  std::string html =
      "<p class=\"legend\">Whole rows, chosen by hash.<span class=\"row\"><span class=\"read\">only "
      "read</span></span><span class=\"row\"><span class=\"learned\">learned</span></span><span class=\"row\"><span "
      "class=\"read special\">special token</span></span><span class=\"row\"><span class=\"learned special\">special "
      "token, learned</span></span><span class=\"row\"><span class=\"dot\">·</span> a space at a line's "
      "end</span></p>\n";
  for (const data::ShownRow& shown : report.shown) {
    html += "<div class=\"at-row\"><b>" + escaped(report.row_text(shown)) + "</b><span>" +
            escaped(row_caption(shown.row, *tokenizer)) + "</span></div>\n<div class=\"row\" dir=\"auto\">";
    const std::vector<data::RowSpan> spans = rendered(shown.row, *tokenizer);
    for (size_t i = 0; i < spans.size(); ++i) {
      const data::RowSpan& span = spans[i];
      const bool before_end = i + 1 == spans.size() || spans[i + 1].special;
      html += "<span class=\"" + std::string(span.learned ? "learned" : "read") + (span.special ? " special" : "") +
              "\">" + (span.special ? escaped(span.text) : text_html(span.text, before_end)) + "</span>";
    }
    html += "</div>\n";
  }
  return html;
}
}  // namespace

std::string check_html(const data::CheckReport& report, const CheckOutcome& outcome, const std::string& title,
                       const data::Tokenizer* tokenizer) {
  return html_page(title,
                   header(report, outcome, title) + tiles(report) + html_section("What was found", findings(report)) +
                       html_section("Lengths and packing",
                                    histogram(report, outcome.max_length) + packing(report, outcome.max_length)) +
                       html_section("As the model sees them", rows(report, tokenizer)),
                   kRowStyle);
}

}  // namespace hone::trainer
