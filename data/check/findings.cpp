#include "data/check/findings.h"

namespace hone::data {

namespace {
using F = Finding;
using G = FindingGroup;
constexpr std::array<FindingAbout, kFindings> kTable{{
    {F::bad_row, G::rows, "bad_rows", "row that cannot be read", "rows that cannot be read",
     "training stops at them, or leaves them out with bad_rows: skip"},
    {F::invalid_utf8, G::rows, "invalid_utf8", "row that is not valid UTF-8", "rows that are not valid UTF-8",
     "save the file as UTF-8"},
    {F::unlearned, G::rows, "unlearned", "row without a learned token", "rows without a learned token",
     "they teach nothing and are dropped; is the last turn an answer?"},
    {F::too_long, G::rows, "too_long", "row longer than max_length", "rows longer than max_length",
     "dropped or cut, which loses their end; raise data.max_length, or split them"},
    {F::double_bos, G::rows, "double_bos", "row begins with two start tokens", "rows begin with two start tokens",
     "the text has one already, or the template adds one more"},
    {F::empty_answer, G::answers, "empty_answers", "answer is empty", "answers are empty",
     "the model would learn to say nothing, or the row is lost"},
    {F::missing_end, G::answers, "missing_ends", "answer does not learn its end token",
     "answers do not learn their end token", "the model would not learn where to stop"},
    {F::special_only, G::answers, "special_only", "row learns special tokens alone", "rows learn special tokens alone",
     "nothing but an end is learned; is the answer missing?"},
    {F::split_token, G::answers, "split_tokens", "answer begins inside a token shared with the prompt",
     "answers begin inside a token shared with the prompt",
     "often a space at the prompt's end; put it at the answer's beginning"},
    {F::repetitive, G::text, "repetitive", "row repeats itself over and over", "rows repeat themselves over and over",
     "fewer than a quarter of their 5-token sequences are different ones"},
    {F::unknown_token, G::text, "unknown_tokens", "row has characters that the tokenizer does not know",
     "rows have characters that the tokenizer does not know", "they become one and the same token"},
    {F::replacement, G::text, "replacement_characters", "row holds U+FFFD, the sign of lost characters",
     "rows hold U+FFFD, the sign of lost characters", "something was decoded wrongly before"},
    {F::mojibake, G::text, "mojibake", "row has text decoded with the wrong encoding (Ã¼ for ü)",
     "rows have text decoded with the wrong encoding (Ã¼ for ü)", "read the source again as UTF-8"},
    {F::control, G::text, "control_characters", "row holds control characters", "rows hold control characters",
     "others than tabs and line ends; left by a terminal or another format"},
    {F::duplicate, G::copies, "duplicates", "exact duplicate", "exact duplicates", "learned once more an epoch"},
    {F::near_duplicate, G::copies, "near_duplicates", "near duplicate", "near duplicates",
     "at least 80 % of their 5-token sequences are an earlier row's"},
    {F::shared, G::copies, "shared", "evaluation row is a training row", "evaluation rows are training rows",
     "the evaluation loss tells less than it seems to"},
    {F::near_shared, G::copies, "near_shared", "evaluation row is nearly a training row",
     "evaluation rows are nearly training rows", "the evaluation loss tells less than it seems to"},
    {F::aws_key, G::secrets, "aws_keys", "an AWS access key", "AWS access keys", ""},
    {F::github_token, G::secrets, "github_tokens", "a GitHub token", "GitHub tokens", ""},
    {F::gitlab_token, G::secrets, "gitlab_tokens", "a GitLab token", "GitLab tokens", ""},
    {F::slack_token, G::secrets, "slack_tokens", "a Slack token", "Slack tokens", ""},
    {F::google_key, G::secrets, "google_keys", "a Google API key", "Google API keys", ""},
    {F::sk_key, G::secrets, "sk_keys", "a key of a model provider (sk-…)", "keys of model providers (sk-…)", ""},
    {F::stripe_key, G::secrets, "stripe_keys", "a Stripe key", "Stripe keys", ""},
    {F::service_token, G::secrets, "service_tokens", "a token of another service", "tokens of other services", ""},
    {F::jwt, G::secrets, "json_web_tokens", "a JSON web token", "JSON web tokens", ""},
    {F::private_key, G::secrets, "private_keys", "a private key", "private keys", ""},
    {F::connection_string, G::secrets, "connection_strings", "an address with a password", "addresses with a password",
     ""},
    {F::assigned_secret, G::secrets, "assigned_secrets", "a random value of a password, token or key",
     "random values of passwords, tokens or keys", ""},
    {F::email, G::personal, "emails", "an e-mail address", "e-mail addresses", ""},
    {F::phone, G::personal, "phone_numbers", "a phone number", "phone numbers", ""},
    {F::credit_card, G::personal, "credit_cards", "a credit card number", "credit card numbers", ""},
    {F::iban, G::personal, "ibans", "a bank account (IBAN)", "bank accounts (IBAN)", ""},
    {F::national_id, G::personal, "national_ids", "a national identity number", "national identity numbers", ""},
    {F::ip_address, G::personal, "ip_addresses", "an IP address", "IP addresses", ""},
}};
constexpr bool in_order() {
  for (size_t i = 0; i < kFindings; ++i)
    if (size_t(kTable[i].finding) != i) return false;
  return true;
}
static_assert(in_order(), "the table follows the enumeration");
}  // namespace

const std::array<FindingAbout, kFindings>& all_findings() { return kTable; }
const FindingAbout& about(Finding finding) { return kTable[size_t(finding)]; }

void Findings::add(Finding finding, const Spot& spot, int64_t strings) {
  const auto kind = size_t(finding);
  Found& found = found_[kind];
  Place& last = last_[kind];
  const G group = about(finding).group;
  const bool same = found.rows > 0 && last.file == spot.at.file && last.line == spot.at.line && group != G::copies;
  if (same && (group == G::text || group == G::secrets || group == G::personal)) {
    if (strings > last_strings_[kind]) found.strings += strings - last_strings_[kind], last_strings_[kind] = strings;
    return;
  }
  last = spot.at, last_strings_[kind] = strings;
  found.rows += 1, found.strings += strings;
  if (!same && found.spots.size() < Found::kShown) found.spots.push_back(spot);
}

int64_t Findings::rows(FindingGroup group) const {
  int64_t sum = 0;
  for (const FindingAbout& each : kTable)
    if (each.group == group) sum += (*this)[each.finding].rows;
  return sum;
}

int64_t Findings::strings(FindingGroup group) const {
  int64_t sum = 0;
  for (const FindingAbout& each : kTable)
    if (each.group == group) sum += (*this)[each.finding].strings;
  return sum;
}

}  // namespace hone::data
