// What a check of the data can find: one table of kinds, and lists of places that stay small however much is found.
//   Findings findings;
//   findings.add(Finding::unlearned, {.at = {0, 12}});
//   findings[Finding::unlearned].rows;                       // 1
//   about(Finding::unlearned).key;                           // "unlearned"
// Holds files, lines and counts, never text.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace hone::data {

enum class Finding : uint8_t {
  // rows
  bad_row,
  invalid_utf8,
  unlearned,
  too_long,
  double_bos,
  // answers
  empty_answer,
  missing_end,
  special_only,
  split_token,
  // text
  repetitive,
  unknown_token,
  replacement,
  mojibake,
  control,
  // copies
  duplicate,
  near_duplicate,
  shared,
  near_shared,
  // strings that look like secrets
  aws_key,
  github_token,
  gitlab_token,
  slack_token,
  google_key,
  sk_key,
  stripe_key,
  service_token,
  jwt,
  private_key,
  connection_string,
  assigned_secret,
  // strings that look like personal data
  email,
  phone,
  credit_card,
  iban,
  national_id,
  ip_address,
  count  // of the kinds
};
inline constexpr size_t kFindings = size_t(Finding::count);

enum class FindingGroup : uint8_t { rows, answers, text, copies, secrets, personal };

struct FindingAbout {
  Finding finding;
  FindingGroup group;
  std::string_view key;        // of the JSON report
  std::string_view one, many;  // "row without a learned token", "rows …"; of secrets "a private key"
  std::string_view advice;     // what it does to the training, and what to do
};
const FindingAbout& about(Finding finding);
const std::array<FindingAbout, kFindings>& all_findings();  // in the order of the enumeration

struct Spot {
  Place at{};
  Place like{.file = -1};  // of copies: the earlier row that it is like
  double similarity = 0;   // of copies: Jaccard index of the two
  bool operator==(const Spot& other) const {
    return at.file == other.at.file && at.line == other.at.line && like.file == other.like.file &&
           like.line == other.like.line && similarity == other.similarity;
  }
};

struct Found {
  static constexpr size_t kShown = 100;
  int64_t rows = 0;
  int64_t strings = 0;      // of secrets and personal data; else as rows
  std::vector<Spot> spots;  // the first kShown, in file order
};

class Findings {
 public:
  // One row, with `strings` of them. A place is listed once, though several rows of one record have it; what its text
  // holds (groups text, secrets, personal) also counts once then, with the most strings that any of the rows has.
  void add(Finding finding, const Spot& spot, int64_t strings = 1);
  // So many more rows whose places nobody told.
  void add_unnamed(Finding finding, int64_t rows) {
    found_[size_t(finding)].rows += rows, found_[size_t(finding)].strings += rows;
  }
  const Found& operator[](Finding finding) const { return found_[size_t(finding)]; }
  int64_t rows(FindingGroup group) const;  // sums over its kinds: a row with two of them counts twice
  int64_t strings(FindingGroup group) const;

 private:
  std::array<Found, kFindings> found_;
  std::array<Place, kFindings> last_{};
  std::array<int64_t, kFindings> last_strings_{};
};

}  // namespace hone::data
