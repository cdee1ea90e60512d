// What `hone data check` prints: the report of a check for a terminal or a file.
//   std::cout << check_page(report, {.limits = …, .next = "hone train support.yaml"}, style);
// Counts, files and lines; no text of a row.
#pragma once
#include <string>
#include <vector>

#include "data/check/check.h"
#include "data/check/limits.h"
#include "trainer/report/display.h"

namespace hone::trainer {

struct CheckOutcome {
  std::vector<data::Exceeded> exceeded{};
  int64_t limits = 0;  // that data.check sets
  int64_t max_length = 0;
  bool stops = false;  // training would not start: rows that cannot be read, and bad_rows is stop
  std::string next{};  // the command that people want next
};
std::string check_page(const data::CheckReport& report, const CheckOutcome& outcome, const DisplayStyle& style);

// "14 rows longer than max_length"; of secrets and personal data "3 strings that may be AWS access keys in 2 rows".
std::string finding_words(const data::CheckReport& report, data::Finding finding);
// "lines 3, 9, …", with several files "a.jsonl:3, …"; of copies "line 9 like line 3 (0.93), …". At most `most`.
std::string finding_places(const data::CheckReport& report, data::Finding finding, size_t most);
std::string bin_words(const data::LengthBin& bin);  // "200 – 399"

}  // namespace hone::trainer
