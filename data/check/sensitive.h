// Strings of a text that look like secrets or personal data. Made to be quiet on prose and code: a shape alone counts
// only where it is rare (AKIA…, ghp_…); else check digits, entropy or the words beside it must agree.
//   for (const SensitiveString& each : sensitive_strings("mail jo@acme.com, key AKIAIOSFODNN7EXAMPLE"))
//     each.finding;      // Finding::email, then Finding::aws_key; text.substr(each.begin, each.end - each.begin)
// Linear in the text: each place is looked at a bounded number of times. Any bytes are taken.
#pragma once
#include <string_view>
#include <vector>

#include "data/check/findings.h"

namespace hone::data {

struct SensitiveString {
  Finding finding;  // of the groups secrets and personal
  size_t begin, end;
};

// In order, without overlap.
std::vector<SensitiveString> sensitive_strings(std::string_view text);

}  // namespace hone::data
