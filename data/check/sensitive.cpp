#include "data/check/sensitive.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "data/check/check_digits.h"
#include "data/check/phone_numbers.h"

namespace hone::data {

namespace {
constexpr size_t kLookAhead = 512;  // bytes that a string found may have, and more than any address

enum class Chars : uint8_t { alnum, alnum_, word, upper32, hex };  // alnum_: with '_'; word: with '_' and '-'

struct Shape {
  std::string_view prefix;
  Finding finding;
  Chars chars;
  size_t least, most;  // characters after the prefix
};
// Prefixes as the services document them.
constexpr Shape kShapes[] = {
    {"AKIA", Finding::aws_key, Chars::upper32, 16, 16},
    {"ASIA", Finding::aws_key, Chars::upper32, 16, 16},
    {"ABIA", Finding::aws_key, Chars::upper32, 16, 16},
    {"ACCA", Finding::aws_key, Chars::upper32, 16, 16},
    {"AIza", Finding::google_key, Chars::word, 35, 35},
    {"AGE-SECRET-KEY-1", Finding::private_key, Chars::alnum, 58, 58},
    {"GOCSPX-", Finding::google_key, Chars::word, 24, 40},
    {"SK", Finding::service_token, Chars::hex, 32, 32},  // Twilio
    {"dapi", Finding::service_token, Chars::hex, 32, 32},
    {"dop_v1_", Finding::service_token, Chars::hex, 64, 64},
    {"github_pat_", Finding::github_token, Chars::alnum_, 36, 100},
    {"ghp_", Finding::github_token, Chars::alnum, 36, 251},
    {"gho_", Finding::github_token, Chars::alnum, 36, 251},
    {"ghu_", Finding::github_token, Chars::alnum, 36, 251},
    {"ghs_", Finding::github_token, Chars::alnum, 36, 251},
    {"ghr_", Finding::github_token, Chars::alnum, 36, 251},
    {"glpat-", Finding::gitlab_token, Chars::word, 20, 300},
    {"gldt-", Finding::gitlab_token, Chars::word, 20, 300},
    {"glrt-", Finding::gitlab_token, Chars::word, 20, 300},
    {"glptt-", Finding::gitlab_token, Chars::alnum, 40, 40},
    {"hf_", Finding::service_token, Chars::alnum, 34, 40},
    {"npm_", Finding::service_token, Chars::alnum, 36, 36},
    {"pypi-AgE", Finding::service_token, Chars::word, 50, 400},
    {"shpat_", Finding::service_token, Chars::hex, 32, 32},
    {"shpss_", Finding::service_token, Chars::hex, 32, 32},
    {"sk_live_", Finding::stripe_key, Chars::alnum, 16, 250},
    {"sk_test_", Finding::stripe_key, Chars::alnum, 16, 250},
    {"rk_live_", Finding::stripe_key, Chars::alnum, 16, 250},
    {"rk_test_", Finding::stripe_key, Chars::alnum, 16, 250},
    {"whsec_", Finding::stripe_key, Chars::alnum, 24, 250},
    {"sk-ant-", Finding::sk_key, Chars::word, 20, 300},
    {"sk-proj-", Finding::sk_key, Chars::word, 20, 300},
    {"sk-svcacct-", Finding::sk_key, Chars::word, 20, 300},
    {"sk-or-", Finding::sk_key, Chars::word, 20, 300},
    {"sk-", Finding::sk_key, Chars::alnum, 20, 200},
    {"xoxb-", Finding::slack_token, Chars::word, 20, 300},
    {"xoxp-", Finding::slack_token, Chars::word, 20, 300},
    {"xoxa-", Finding::slack_token, Chars::word, 20, 300},
    {"xoxr-", Finding::slack_token, Chars::word, 20, 300},
    {"xoxs-", Finding::slack_token, Chars::word, 20, 300},
    {"xapp-", Finding::slack_token, Chars::word, 20, 300},
};

// Words whose assigned value is a secret where it looks random.
constexpr std::string_view kSecretWords[] = {
    "password",    "passwd",     "passphrase", "pwd",         "secret",     "token",          "apikey",
    "api_key",     "api-key",    "accesskey",  "access_key",  "access-key", "auth_key",       "authkey",
    "private_key", "privatekey", "credential", "account_key", "accountkey", "sharedaccesskey"};

// Endings of e-mail addresses beside those of two letters. What else follows a '@' is code or a file's name.
constexpr std::string_view kTopLevels[] = {
    "academy",  "aero",      "agency",     "app",        "art",        "asia",        "bank",      "bayern",
    "berlin",   "bio",       "biz",        "blog",       "business",   "capital",     "care",      "cat",
    "center",   "chat",      "church",     "city",       "cloud",      "club",        "coach",     "codes",
    "com",      "community", "company",    "consulting", "coop",       "corp",        "design",    "dev",
    "digital",  "edu",       "education",  "email",      "energy",     "engineering", "example",   "expert",
    "family",   "finance",   "foundation", "fun",        "global",     "gmbh",        "gov",       "group",
    "hamburg",  "health",    "help",       "host",       "info",       "institute",   "int",       "international",
    "internal", "invalid",   "jobs",       "koeln",      "legal",      "life",        "link",      "live",
    "local",    "london",    "love",       "ltd",        "management", "market",      "marketing", "media",
    "mil",      "mobi",      "money",      "museum",     "name",       "net",         "network",   "news",
    "nyc",      "one",       "online",     "org",        "paris",      "partners",    "photo",     "plus",
    "post",     "press",     "pro",        "school",     "science",    "services",    "shop",      "site",
    "social",   "software",  "solutions",  "space",      "store",      "studio",      "support",   "swiss",
    "systems",  "team",      "tech",       "technology", "tel",        "test",        "today",     "tools",
    "top",      "travel",    "university", "ventures",   "vip",        "website",     "wien",      "wiki",
    "work",     "works",     "world",      "xyz",        "zone"};

bool digit(char c) { return c >= '0' && c <= '9'; }
bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool alnum(char c) { return digit(c) || lower(c) || upper(c); }
bool word_char(char c) { return alnum(c) || c == '_' || c == '-'; }
bool space(char c) { return c == ' ' || c == '\t'; }
char lowered(char c) { return upper(c) ? char(c + 32) : c; }
bool hex(char c) { return digit(c) || (lowered(c) >= 'a' && lowered(c) <= 'f'); }
bool belongs(char c, Chars chars) {
  switch (chars) {
    case Chars::alnum:
      return alnum(c);
    case Chars::alnum_:
      return alnum(c) || c == '_';
    case Chars::word:
      return word_char(c);
    case Chars::upper32:
      return upper(c) || (c >= '2' && c <= '7');
    case Chars::hex:
      return digit(c) || (c >= 'a' && c <= 'f');
  }
  return false;
}

double entropy(std::string_view text) {  // bits a character
  std::array<int, 256> counts{};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const int n : counts)
    if (n > 0) bits -= double(n) / double(text.size()) * std::log2(double(n) / double(text.size()));
  return bits;
}

// A value as a generator makes it, not a word, a name or a piece of code.
bool looks_random(std::string_view value) {
  int digits = 0, lowers = 0, uppers = 0, others = 0, hexes = 0;
  size_t changes = 0;  // of small, capital and digit: few in a name in CamelCase
  for (size_t i = 1; i < value.size(); ++i)
    changes += upper(value[i]) != upper(value[i - 1]) || digit(value[i]) != digit(value[i - 1]);
  for (const char c : value)
    digits += digit(c), lowers += lower(c), uppers += upper(c), others += !alnum(c), hexes += hex(c);
  if (value.size() < 16 || digits < 2 || lowers + uppers < 2) return false;
  if (size_t(hexes) == value.size() && value.size() >= 32) return entropy(value) >= 3;
  const bool mixed = lowers >= 2 && uppers >= 2 && 3 * changes >= value.size();
  return entropy(value) >= 3.4 && (mixed || (others == 0 && digits >= 3));
}

// Something to be filled in, not a value: <password>, ${DB_PASSWORD}, ****, xxxx.
bool placeholder(std::string_view value) {
  return value.empty() || std::string_view("<[{($%").find(value[0]) != std::string_view::npos ||
         std::ranges::all_of(value, [&](char c) { return lowered(c) == lowered(value[0]); });
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<SensitiveString> run() {
    for (size_t i = 0; i < text_.size();) {
      const char c = text_[i];
      if (word_char(c)) {
        i = std::max(word(i), done_);
      } else if (c == '@') {
        email(i);
        i = std::max(i + 1, done_);
      } else if (c == ':') {
        if (text_.substr(i, 3) == "://")
          address(i);
        else
          ip6(i);
        i = std::max(i + 1, done_);
      } else if (c == '+' || c == '(') {
        if (const size_t end = phone_number(text_, i)) take(Finding::phone, i, end);
        i = std::max(i + 1, done_);
      } else {
        ++i;
      }
    }
    return std::move(found_);
  }

 private:
  char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  bool take(Finding finding, size_t begin, size_t end) {
    if (begin < done_) return false;
    found_.push_back({finding, begin, end});
    done_ = end;
    return true;
  }
  size_t run_end(size_t i, auto&& belongs_to, size_t most = kLookAhead) const {
    const size_t last = std::min(text_.size(), i + most);
    while (i < last && belongs_to(text_[i])) ++i;
    return i;
  }

  // A run of word characters that begins at `begin`; returns its end.
  size_t word(size_t begin) {
    size_t end = begin;
    while (end < text_.size() && word_char(text_[end])) ++end;
    if (text_[begin] == '-' && private_key(begin)) return end;
    size_t start = begin;
    while (start < end && (text_[start] == '-' || text_[start] == '_')) ++start;
    if (start == end) return end;
    if (digit(text_[start])) {
      number(start, end);
    } else if (end - start >= 9) {
      shaped(start, end) || token(start, end) || account(start) || identity(start, end);
    } else if (upper(text_[start]) && digit(at(start + 2))) {
      account(start);
    }
    named(start, end);
    return end;
  }

  bool shaped(size_t start, size_t end) {
    const std::string_view word = text_.substr(start, end - start);
    for (const Shape& shape : kShapes) {
      if (shape.prefix[0] != word[0] || !word.starts_with(shape.prefix)) continue;
      size_t tail = shape.prefix.size();
      const size_t from = tail;
      while (tail < word.size() && belongs(word[tail], shape.chars)) ++tail;
      const std::string_view value = word.substr(from, tail - from);
      const bool ends = tail == word.size() || (!alnum(word[tail]) && word[tail] != '_');
      if (!ends || value.size() < shape.least || value.size() > shape.most || entropy(value) < 2.5) continue;
      const bool has_digit = std::ranges::any_of(value, digit);
      if (!has_digit && shape.finding != Finding::aws_key && shape.prefix != "hf_") continue;
      return take(shape.finding, start, start + tail);
    }
    return false;
  }

  // Tokens with dots: JSON web tokens, SendGrid, Slack's webhooks, Telegram's bots.
  bool token(size_t start, size_t end) {
    const auto segment = [&](size_t dot) { return at(dot) == '.' ? run_end(dot + 1, word_char, 8192) : 0; };
    if (text_.substr(start, 3) == "eyJ" && text_.substr(end, 4) == ".eyJ") {
      const size_t second = segment(end), third = second > 0 ? segment(second) : 0;
      return third > second + 10 && take(Finding::jwt, start, third);
    }
    return false;
  }

  bool private_key(size_t begin) {
    constexpr std::string_view kBegin = "-----BEGIN ", kKey = "PRIVATE KEY";
    if (!text_.substr(begin).starts_with(kBegin)) return false;
    const std::string_view head = text_.substr(begin, 80);
    const size_t key = head.find(kKey), end = head.find("-----", kBegin.size());
    if (key == std::string_view::npos || end == std::string_view::npos || end < key) return false;
    return take(Finding::private_key, begin, begin + end + 5);
  }

  // A word with '=' or ':' behind it whose name is that of a secret: name = "value", "name": "value", Name=value;
  void named(size_t start, size_t end) {
    size_t i = end;
    if (i - start > 64 || i - start < 3) return;
    if (text_.substr(start, end - start) == "Bearer" && at(i) == ' ') return value(i + 1, false);
    if (at(i) == '"' || at(i) == '\'' || at(i) == '`') ++i;
    i = run_end(i, space, 4);
    if (at(i) != '=' && at(i) != ':') return;
    const size_t operator_at = i;
    std::string name(text_.substr(start, end - start));
    std::ranges::transform(name, name.begin(), lowered);
    const auto is_named = [&](std::string_view word) {  // as a part of its own: token, authToken, not tokenizer
      const size_t found = name.find(word);
      if (found == std::string::npos) return false;
      const size_t after =
          start + found + word.size() + (found + word.size() < name.size() && name[found + word.size()] == 's');
      return after >= end || !lower(text_[after]);
    };
    if (std::ranges::none_of(kSecretWords, is_named)) return;
    if (at(i) == ':' && at(i + 1) == '=') ++i;
    ++i;
    if (at(i) == '>') ++i;
    if (at(operator_at) == '=' && at(operator_at + 1) == '=') return;  // a comparison
    // "Server=…;User=…;Password=…;": what stands there is a password, however simple it is.
    const size_t semicolon = run_end(
        i, [](char c) { return c != ';' && !space(c) && c != '"' && c != '\n' && c != '('; }, 128);
    const bool listed = start > 0 && text_[start - 1] == ';' && operator_at == end &&
                        (name == "password" || name == "pwd" || name == "accountkey" || name == "sharedaccesskey");
    if (listed && semicolon > i + 2 && !placeholder(text_.substr(i, semicolon - i))) {
      take(Finding::connection_string, i, semicolon);
      return;
    }
    i = run_end(i, space, 4);
    const bool quoted = at(i) == '"' || at(i) == '\'' || at(i) == '`';
    value(quoted ? i + 1 : i, quoted);
  }
  void value(size_t i, bool quoted) {
    const size_t end =
        run_end(i, [](char c) { return alnum(c) || std::string_view("+/=_-~").find(c) != std::string_view::npos; });
    const char next = at(end);
    if (!quoted && (next == '.' || next == '(' || next == '[') && alnum(at(end + 1))) return;  // code
    const std::string_view text = text_.substr(i, end - i);
    // A shape of its own says more than the name before it.
    if (std::ranges::any_of(kShapes,
                            [&](const Shape& s) { return s.prefix.size() > 2 && text.starts_with(s.prefix); }) ||
        text.starts_with("eyJ"))
      return;
    if (end - i < kLookAhead && looks_random(text)) take(Finding::assigned_secret, i, end);
  }

  // scheme://user:password@host, and Slack's webhooks.
  void address(size_t colon) {
    constexpr std::string_view kSlack = "hooks.slack.com/services/T";
    const size_t begin = colon + 3;
    if (text_.substr(begin).starts_with(kSlack)) {
      const size_t end = run_end(begin, [](char c) { return alnum(c) || c == '/' || c == '.'; });
      if (end - begin > kSlack.size() + 30) take(Finding::slack_token, begin, end);
      return;
    }
    const size_t end = run_end(begin, [](char c) {
      return static_cast<unsigned char>(c) > ' ' && std::string_view("/?#\"'<>`\\").find(c) == std::string_view::npos;
    });
    const std::string_view authority = text_.substr(begin, end - begin);
    const size_t host = authority.rfind('@');
    if (host == std::string_view::npos || host + 2 > authority.size() || !alnum(authority[host + 1])) return;
    const size_t password = authority.find(':');
    if (password >= host || placeholder(authority.substr(password + 1, host - password - 1))) return;
    if (authority.find_first_of("[]{}()") < host) return;  // a template
    size_t scheme = colon;
    while (scheme > 0 && colon - scheme < 20 && (alnum(text_[scheme - 1]) || text_[scheme - 1] == '+')) --scheme;
    if (scheme == colon) return;
    // The scheme was passed as a word already: nothing was found in it.
    if (colon >= done_) found_.push_back({Finding::connection_string, scheme, end}), done_ = end;
  }

  void email(size_t sign) {
    const auto local_char = [](char c) {
      return alnum(c) || std::string_view("._%+-").find(c) != std::string_view::npos;
    };
    size_t begin = sign;
    while (begin > 0 && sign - begin < 65 && local_char(text_[begin - 1])) --begin;
    while (begin < sign && !alnum(text_[begin])) ++begin;
    const std::string_view local = text_.substr(begin, sign - begin);
    if (local.empty() || local.size() > 64 || local.back() == '.' || local == "git") return;
    if (begin > 0 && (text_[begin - 1] == '/' || text_[begin - 1] == '@') && begin > 1 && text_[begin - 2] != '/')
      return;
    size_t end = run_end(
        sign + 1, [](char c) { return alnum(c) || c == '-' || c == '.'; }, 254);
    while (end > sign + 1 && (text_[end - 1] == '.' || text_[end - 1] == '-')) --end;
    const std::string_view domain = text_.substr(sign + 1, end - sign - 1);
    const size_t dot = domain.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || !alnum(domain[0]) || domain.find("..") != std::string_view::npos)
      return;
    std::string top(domain.substr(dot + 1));
    std::ranges::transform(top, top.begin(), lowered);
    const bool two = top.size() == 2 && lower(top[0]) && lower(top[1]);
    if (!two && std::ranges::find(kTopLevels, std::string_view(top)) == std::end(kTopLevels)) return;
    if (at(end) == '(' || at(end) == '[') return;  // a call: code
    begin = std::max(begin, done_);
    if (begin < sign) take(Finding::email, begin, end);
  }

  // What begins with a digit; `end` is the end of its run of word characters.
  void number(size_t start, size_t end) {
    const char before = start > 0 ? text_[start - 1] : '\0';
    const char before_that = start > 1 ? text_[start - 2] : '\0';
    if ((before == '.' || before == ',') && digit(before_that)) return;  // the rest of a longer number
    if (ip4(start) || card(start) || identity(start, end)) return;
    if (before != '+' && before != '(')
      if (const size_t last = phone_number(text_, start)) take(Finding::phone, start, last);
    if (hex(text_[start]) && at(run_end(start, hex, 4)) == ':') ip6(run_end(start, hex, 4));
  }

  bool card(size_t start) {
    std::string digits;
    std::string groups;
    size_t i = start, group = 0, end = start;
    char separator = '\0';
    for (; i < text_.size() && digits.size() <= 19; ++i) {
      if (digit(text_[i])) {
        digits += text_[i], ++group, end = i + 1;
      } else if ((text_[i] == ' ' || text_[i] == '-') && digit(at(i + 1)) &&
                 (separator == '\0' || separator == text_[i]) && group > 0 && groups.size() < 4 &&
                 (separator != '\0' || digits.size() == group)) {
        // Only the forms that cards are printed in: what follows may be another number.
        if (groups.empty() && group != 4) break;
        separator = text_[i], groups += char('0' + group), group = 0;
      } else {
        break;
      }
    }
    groups += char('0' + std::min<size_t>(group, 70));
    constexpr std::string_view kForms[] = {"4444", "465", "464", "44443"};
    if (separator != '\0' && std::ranges::find(kForms, groups) == std::end(kForms)) return false;
    if (end < text_.size() && (alnum(text_[end]) || text_[end] == '_' || (text_[end] == '.' && digit(at(end + 1)))))
      return false;
    return card_number(digits) && take(Finding::credit_card, start, end);
  }

  bool account(size_t start) {  // GB82 WEST 1234 5698 7654 32, or without spaces
    if (!upper(at(start)) || !upper(at(start + 1)) || !digit(at(start + 2)) || !digit(at(start + 3))) return false;
    std::string compact;
    size_t i = start;
    for (; i < text_.size() && compact.size() < 35; ++i) {
      if (upper(text_[i]) || digit(text_[i])) {
        compact += text_[i];
      } else if (text_[i] != ' ' || compact.size() % 4 != 0 || !alnum(at(i + 1))) {
        break;
      }
      const bool ends = !alnum(at(i + 1)) || (at(i + 1) == ' ');
      if (ends && iban(compact)) return take(Finding::iban, start, i + 1);
    }
    return false;
  }

  bool identity(size_t start, size_t) {
    // As it stands, up to what cannot belong to one; France's may have spaces.
    const size_t end = run_end(
        start, [](char c) { return digit(c) || upper(c) || c == '-' || c == '.' || c == '+'; }, 20);
    size_t last = end;
    while (last > start && !alnum(text_[last - 1])) --last;
    if (!alnum(at(end)) && national_id(text_.substr(start, last - start)))
      return take(Finding::national_id, start, last);
    constexpr size_t kGroups[] = {1, 2, 2, 2, 3, 3, 2};
    std::string compact;
    size_t i = start;
    for (const size_t group : kGroups) {
      if (!compact.empty() && at(i++) != ' ') return false;
      for (size_t j = 0; j < group; ++j, ++i) {
        if (!digit(at(i)) && at(i) != 'A' && at(i) != 'B') return false;
        compact += text_[i];
      }
    }
    return !alnum(at(i)) && national_id(compact) && take(Finding::national_id, start, i);
  }

  // Whether one of the words that announce an address or a version ends right before `start`.
  bool after_word(size_t start, std::initializer_list<std::string_view> words) const {
    std::string before(text_.substr(start > 16 ? start - 16 : 0, std::min<size_t>(start, 16)));
    std::ranges::transform(before, before.begin(), lowered);
    while (!before.empty() && !alnum(before.back())) before.pop_back();
    return std::ranges::any_of(words, [&](std::string_view w) {
      return before.ends_with(w) && (before.size() == w.size() || !alnum(before[before.size() - w.size() - 1]));
    });
  }

  bool ip4(size_t start) {
    std::array<int, 4> parts{};
    size_t i = start;
    int wide = 0;
    for (size_t part = 0; part < 4; ++part) {
      if (part > 0 && at(i++) != '.') return false;
      const size_t from = i;
      for (; digit(at(i)) && i - from < 3; ++i) parts[part] = parts[part] * 10 + (text_[i] - '0');
      if (i == from || digit(at(i)) || parts[part] > 255 || (i - from > 1 && text_[from] == '0')) return false;
      wide += i - from > 1;
    }
    if (alnum(at(i)) || at(i) == '_' || (at(i) == '.' && digit(at(i + 1))) || (at(i) == '-' && alnum(at(i + 1))))
      return false;
    const char before = start > 0 ? text_[start - 1] : '\0';
    if (before == '.' || before == '-' ||
        after_word(start, {"v", "ver", "version", "versions", "release", "chrome", "section", "chapter", "part",
                           "annex", "oid"}))
      return false;
    const bool everybodys = parts[0] == 0 || parts[0] == 127 || parts[0] >= 224;  // no one's: loopback, masks, groups
    const bool told = after_word(start, {"ip", "ipv4", "host", "server", "address", "addr", "ping", "ssh", "from",
                                         "client", "http", "https"}) ||
                      (at(i) == ':' && digit(at(i + 1))) || (at(i) == '/' && digit(at(i + 1)));
    // Sections of documents have small numbers; numbers in a row are no addresses.
    const bool small = parts[0] != 10 && std::ranges::all_of(parts, [](int part) { return part < 32; });
    const bool in_row = before == ' ' && start > 1 && digit(text_[start - 2]) && at(i) == ' ' && digit(at(i + 1));
    if (everybodys || in_row || ((wide < 2 || small) && !told)) return false;
    return take(Finding::ip_address, start, i);
  }

  // `colon` is the first one of what may be an IPv6 address; what stands before it is at most four digits.
  void ip6(size_t colon) {
    size_t begin = colon;
    while (begin > 0 && colon - begin < 5 && hex(text_[begin - 1])) --begin;
    if (colon - begin > 4 || (begin > 0 && (word_char(text_[begin - 1]) || text_[begin - 1] == ':'))) return;
    size_t i = begin, groups = 0, doubles = 0, longest = 0;
    bool any_digit = false;
    while (groups < 8) {
      const size_t end = run_end(i, hex, 5);
      if (end - i > 4) return;
      if (end > i) {
        ++groups, longest = std::max(longest, end - i);
        any_digit = any_digit || std::any_of(text_.begin() + int64_t(i), text_.begin() + int64_t(end), digit);
        i = end;
      }
      if (at(i) != ':') break;
      if (at(i + 1) == ':') {
        ++doubles, i += 2;
      } else if (groups < 8 && hex(at(i + 1))) {
        ++i;
      } else {
        break;
      }
    }
    if (alnum(at(i)) || at(i) == '_' || (at(i) == ':' && at(i + 1) == ':')) return;
    if (!any_digit || longest < 3 || doubles > 1 || (doubles == 0 ? groups != 8 : groups < 3 || groups > 7)) return;
    if (begin >= done_ || colon >= done_) take(Finding::ip_address, std::max(begin, done_), i);
  }

  std::string_view text_;
  std::vector<SensitiveString> found_;
  size_t done_ = 0;  // what lies before is decided
};
}  // namespace

std::vector<SensitiveString> sensitive_strings(std::string_view text) { return Scanner(text).run(); }

}  // namespace hone::data
