#include "trainer/report/check_page.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "kernels/host/error.h"
#include "kernels/host/text.h"
#include "trainer/report/lines.h"

namespace hone::trainer {

namespace {
using data::Finding;
using data::FindingAbout;
using data::FindingGroup;
constexpr const char* kGrey = "\x1b[90m";
constexpr size_t kPlaces = 5;

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", 100 * share);
  return text.data();
}

std::string millions(int64_t count) {
  if (count < 1'000'000) return with_commas(count);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f M", double(count) / 1e6);
  return text.data();
}

// A bar of eighths of a column; what is more than nothing is seen.
std::string bar(int64_t value, int64_t most, int columns, bool utf8) {
  if (value <= 0 || most <= 0) return "";
  const auto eighths = std::max<int64_t>(1, int64_t(double(value) / double(most) * columns * 8 + 0.5));
  if (!utf8) return std::string(size_t(std::max<int64_t>(1, (eighths + 4) / 8)), '#');
  constexpr std::array<const char*, 8> kParts{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string text;
  for (int64_t i = 0; i < eighths / 8; ++i) text += "█";
  return text + kParts[size_t(eighths % 8)];
}

class Page {
 public:
  Page(const data::CheckReport& report, const CheckOutcome& outcome, const DisplayStyle& style)
      : report_(report), outcome_(outcome), style_(style), lines_(style) {}

  std::string text() {
    counts();
    histogram();
    packing();
    bool any = false;
    const std::array kGroups{
        std::pair{FindingGroup::rows, "rows"},       std::pair{FindingGroup::answers, "answers"},
        std::pair{FindingGroup::text, "text"},       std::pair{FindingGroup::copies, "copies"},
        std::pair{FindingGroup::secrets, "secrets"}, std::pair{FindingGroup::personal, "personal"}};
    for (const auto& [group, label] : kGroups) any = findings(group, label) || any;
    ending(any);
    return lines_.text();
  }

 private:
  void counts() {
    const auto rows = [](int64_t n, const char* words) { return with_commas(n) + words; };
    std::vector<Piece> pieces{rows(report_.read, " read"), rows(report_.used, " used")};
    if (report_.held_out > 0) pieces.emplace_back(rows(report_.held_out, " held out for evaluation"));
    if (report_.evaluation_rows > report_.held_out)
      pieces.emplace_back(rows(report_.evaluation_rows, " to evaluate on"));
    lines_.add("rows", pieces);
    const double share = report_.tokens > 0 ? double(report_.learned) / double(report_.tokens) : 0;
    lines_.add("tokens",
               {millions(report_.tokens), "learned " + millions(report_.learned) + " (" + percent(share) + ")",
                "read only " + millions(report_.tokens - report_.learned)});
    if (report_.lengths.rows() > 0)
      lines_.add("lengths", {"median " + with_commas(report_.lengths.at(0.5)),
                             "95 % up to " + with_commas(report_.lengths.at(0.95)),
                             "99 % up to " + with_commas(report_.lengths.at(0.99)),
                             "longest " + with_commas(report_.lengths.longest()) + within()});
  }

  std::string within() const {
    const bool all = outcome_.max_length > 0 && report_.lengths.longest() <= outcome_.max_length;
    return all ? ", none over max_length " + with_commas(outcome_.max_length) : "";
  }

  void histogram() {
    const std::vector<data::LengthBin> bins = report_.lengths.bins(outcome_.max_length, 12);
    int64_t most = 0;
    size_t widest = 0;
    for (const data::LengthBin& bin : bins) {
      most = std::max(most, bin.rows);
      widest = std::max(widest, bin_words(bin).size());
    }
    const int columns = std::clamp(style_.width - 52, 8, 40);
    for (const data::LengthBin& bin : bins) {
      const bool too_long = outcome_.max_length > 0 && bin.from > outcome_.max_length;
      std::string words = bin_words(bin);
      words.insert(0, widest - words.size(), ' ');
      const std::string drawn = bar(bin.rows, most, columns, style_.utf8);
      std::vector<Piece> pieces{{words, kGrey}};
      if (!drawn.empty()) pieces.push_back({drawn, too_long ? kYellow : kGreen});
      pieces.emplace_back(with_commas(bin.rows));
      if (too_long) pieces.push_back({"longer than max_length", kYellow});
      if (outcome_.max_length > 0 && bin.to == outcome_.max_length + 1) pieces.emplace_back("up to max_length");
      lines_.add("", pieces);
    }
  }

  void packing() {
    for (const data::PackingOutcome& each : report_.packing) {
      std::vector<Piece> pieces{
          with_commas(each.rows) + (each.rows == 1 ? " row of " : " rows of ") + with_commas(each.max_length),
          "padding " + percent(each.padding)};
      if (each.dropped > 0)
        pieces.emplace_back(with_commas(each.dropped) + (each.dropped == 1 ? " row" : " rows") + " too long");
      if (each.cut > 0) pieces.emplace_back(with_commas(each.cut) + " cut");
      if (each.max_length == outcome_.max_length) pieces.push_back({"as it is set", kGreen});
      lines_.add(&each == &report_.packing.front() ? "packing" : "", pieces);
    }
  }

  bool findings(FindingGroup group, const char* label) {
    bool any = false;
    for (const FindingAbout& about : data::all_findings()) {
      if (about.group != group || report_.findings[about.finding].rows == 0) continue;
      std::vector<Piece> pieces{{"! " + finding_words(report_, about.finding), kYellow},
                                finding_places(report_, about.finding, kPlaces)};
      if (!about.advice.empty()) pieces.push_back({std::string(about.advice), kGrey});
      lines_.add(any ? "" : label, pieces, 2);
      any = true;
    }
    return any;
  }

  void ending(bool any) {
    if (!report_.read_text) lines_.add("", {"no tokenizer: text was not looked at"});
    if (report_.estimated > 0)
      lines_.add("",
                 {with_commas(report_.estimated) + " of the near copies are told by their sketches alone: too many"});
    if (!any)
      lines_.add("looks", {{"ok: nothing odd was found", kGreen},
                           "no copies, nothing shared with evaluation, no broken text, nothing like a secret"});
    if (!report_.problem.empty()) lines_.add({"files", kRed}, {{report_.problem, kRed}});
    if (outcome_.stops)
      lines_.add({"stops", kRed}, {{"training would not start: rows that cannot be read", kRed},
                                   "mend them, or leave them out with data.bad_rows=skip"});
    for (const data::Exceeded& each : outcome_.exceeded)
      lines_.add({&each == &outcome_.exceeded.front() ? "limits" : "", kRed}, {{"x " + each.text(), kRed}});
    if (outcome_.exceeded.empty() && outcome_.limits > 0)
      lines_.add("limits",
                 {{"ok: " + std::string(outcome_.limits == 1 ? "the one" : "all " + with_commas(outcome_.limits)) +
                       " of data.check kept",
                   kGreen}});
    if (outcome_.limits == 0 && any)
      lines_.add("limits", {"none set, nothing fails; to set some: hone recipe --describe data.check"});
    if (!outcome_.next.empty()) lines_.add("next", {outcome_.next});
  }

  const data::CheckReport& report_;
  const CheckOutcome& outcome_;
  DisplayStyle style_;
  Lines lines_;
};
}  // namespace

std::string finding_words(const data::CheckReport& report, data::Finding finding) {
  const FindingAbout& about = data::about(finding);
  const data::Found& found = report.findings[finding];
  if (about.group == FindingGroup::secrets || about.group == FindingGroup::personal)
    return with_commas(found.strings) + (found.strings == 1 ? " string" : " strings") + " that may be " +
           std::string(found.strings == 1 ? about.one : about.many) +
           (found.strings != found.rows ? " in " + with_commas(found.rows) + (found.rows == 1 ? " row" : " rows") : "");
  const int64_t count = finding == Finding::missing_end ? found.strings : found.rows;
  return with_commas(count) + " " + std::string(count == 1 ? about.one : about.many);
}

std::string finding_places(const data::CheckReport& report, data::Finding finding, size_t most) {
  const data::Found& found = report.findings[finding];
  if (found.spots.empty()) return "";
  const bool several = report.files.size() > 1, copies = data::about(finding).group == FindingGroup::copies;
  const auto place = [&](const data::Place& at) { return several ? report.place_text(at) : std::to_string(at.line); };
  std::string text = several ? "" : found.rows == 1 ? "line " : "lines ";
  for (size_t i = 0; i < std::min(most, found.spots.size()); ++i) {
    const data::Spot& spot = found.spots[i];
    text += (i > 0 ? ", " : "") + place(spot.at);
    if (!copies) continue;
    text += " like " + place(spot.like);
    if (spot.similarity < 1) text += " (" + percent(spot.similarity) + ")";
  }
  return found.rows > int64_t(std::min(most, found.spots.size())) ? text + ", …" : text;
}

std::string bin_words(const data::LengthBin& bin) {
  return bin.to == bin.from + 1 ? with_commas(bin.from) : with_commas(bin.from) + " – " + with_commas(bin.to - 1);
}

std::string check_page(const data::CheckReport& report, const CheckOutcome& outcome, const DisplayStyle& style) {
  return Page(report, outcome, style).text();
}

}  // namespace hone::trainer
