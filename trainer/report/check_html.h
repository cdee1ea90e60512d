// The report of a check, and rows as the model sees them, as one offline page.
//   write_text("check.html", check_html(report, outcome, "support.yaml", &tokenizer));
// Holds text of training rows where the report has rows to show: only for who asked for them.
#pragma once
#include "trainer/report/check_page.h"

namespace hone::trainer {

// `tokenizer` null: no rows.
std::string check_html(const data::CheckReport& report, const CheckOutcome& outcome, const std::string& title,
                       const data::Tokenizer* tokenizer);

}  // namespace hone::trainer
