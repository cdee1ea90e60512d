// How much may be wrong with data before a run is refused.
//   CheckLimits limits{.max_duplicates = 0.01, .max_secrets = 0};
//   for (const Exceeded& each : exceeded(limits, report)) …       // "max_secrets", allowed 0, 3 of 18,402 rows
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/check/check.h"
#include "data/receipt.h"

namespace hone::data {

// Empty: any number. Below 1: a share of the rows (of max_shared and max_near_shared: of the evaluation rows). From 1
// on: a number of rows. A share is of the rows read.
using Limit = std::optional<double>;
struct CheckLimits {
  Limit max_bad{}, max_unlearned{}, max_too_long{};
  Limit max_empty_answers{}, max_missing_ends{}, max_double_bos{};
  Limit max_duplicates{}, max_near_duplicates{};
  Limit max_shared{}, max_near_shared{};
  Limit max_broken_text{};
  Limit max_secrets{}, max_personal{};
};

struct Exceeded {
  std::string_view limit;  // "max_secrets"
  double allowed = 0;
  int64_t rows = 0, of = 0;
  std::string text() const;  // "max_duplicates: 184 of 18,402 rows (1.0 %), allowed 0.5 %"
};

std::vector<Exceeded> exceeded(const CheckLimits& limits, const CheckReport& report);
// Of what a receipt counts: bad, unlearned, too_long, missing_ends, duplicates, shared.
std::vector<Exceeded> exceeded(const CheckLimits& limits, const Receipt& receipt);
// Error (ExitCode::input) that names what a receipt exceeds.
void require_within(const CheckLimits& limits, const Receipt& receipt);

}  // namespace hone::data
