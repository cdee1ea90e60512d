#include "data/check/limits.h"

#include <array>
#include <cstdio>

#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
void compare(std::vector<Exceeded>& list, std::string_view name, const Limit& limit, int64_t rows, int64_t of) {
  if (!limit) return;
  const bool over = *limit < 1 ? double(rows) > *limit * double(of) : double(rows) > *limit;
  if (over) list.push_back({name, *limit, rows, of});
}

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g %%", 100 * share);
  return text.data();
}
}  // namespace

std::string Exceeded::text() const {
  std::string words = joined(limit, ": ", with_commas(rows), " of ", with_commas(of), of == 1 ? " row" : " rows");
  if (allowed == 0) return words + ", none is allowed";
  if (allowed >= 1) return words + ", allowed " + with_commas(int64_t(allowed));
  return words + " (" + percent(double(rows) / double(of)) + "), allowed " + percent(allowed);
}

std::vector<Exceeded> exceeded(const CheckLimits& limits, const CheckReport& report) {
  using F = Finding;
  std::vector<Exceeded> list;
  const int64_t rows = report.read, evaluation = report.evaluation_rows;
  const auto found = [&](F finding) { return report.findings[finding].rows; };
  compare(list, "max_bad", limits.max_bad, found(F::bad_row), rows);
  compare(list, "max_unlearned", limits.max_unlearned, found(F::unlearned), rows);
  compare(list, "max_too_long", limits.max_too_long, found(F::too_long), rows);
  compare(list, "max_empty_answers", limits.max_empty_answers, found(F::empty_answer), rows);
  compare(list, "max_missing_ends", limits.max_missing_ends, found(F::missing_end), rows);
  compare(list, "max_double_bos", limits.max_double_bos, found(F::double_bos), rows);
  compare(list, "max_duplicates", limits.max_duplicates, found(F::duplicate), rows);
  compare(list, "max_near_duplicates", limits.max_near_duplicates, found(F::near_duplicate), rows);
  compare(list, "max_shared", limits.max_shared, found(F::shared), evaluation);
  compare(list, "max_near_shared", limits.max_near_shared, found(F::near_shared), evaluation);
  compare(list, "max_broken_text", limits.max_broken_text,
          found(F::replacement) + found(F::mojibake) + found(F::control), rows);
  compare(list, "max_secrets", limits.max_secrets, report.findings.rows(FindingGroup::secrets), rows);
  compare(list, "max_personal", limits.max_personal, report.findings.rows(FindingGroup::personal), rows);
  return list;
}

std::vector<Exceeded> exceeded(const CheckLimits& limits, const Receipt& receipt) {
  std::vector<Exceeded> list;
  const Reading& reading = receipt.reading;
  compare(list, "max_bad", limits.max_bad, reading.bad.count, reading.read);
  compare(list, "max_unlearned", limits.max_unlearned, reading.unlearned.count, reading.read);
  compare(list, "max_too_long", limits.max_too_long,
          reading.too_long.count + reading.cut.count + reading.shortened.count, reading.read);
  compare(list, "max_missing_ends", limits.max_missing_ends, receipt.answers - receipt.ends, reading.read);
  compare(list, "max_duplicates", limits.max_duplicates, receipt.duplicates, reading.read);
  if (receipt.evaluation)
    compare(list, "max_shared", limits.max_shared, receipt.evaluation->shared, receipt.evaluation->rows);
  return list;
}

void require_within(const CheckLimits& limits, const Receipt& receipt) {
  std::string text;
  for (const Exceeded& each : exceeded(limits, receipt)) text += "\n  " + each.text();
  require(text.empty(), ExitCode::input, "the data exceeds limits of data.check, nothing was started:", text,
          "\n(hone data check RECIPE shows the rows)");
}

}  // namespace hone::data
