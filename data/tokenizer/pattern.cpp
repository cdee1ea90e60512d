#include "data/tokenizer/pattern.h"

#include <oniguruma.h>

#include <array>
#include <optional>

#include "data/tokenizer/splitters/splitter.h"
#include "data/tokenizer/unicode.h"

namespace hone::data {

namespace {
// The retries of one match are limited as in Hugging Face tokenizers (Oniguruma's default); there the other two have no
// limit, here they bound time and memory.
constexpr unsigned long kRetriesInMatch = 10'000'000, kRetriesInSearch = 200'000'000;
constexpr unsigned kStackEntries = 8'000'000;
constexpr size_t kLongestExpression = 100'000;

const OnigUChar* start_of(std::string_view text) { return reinterpret_cast<const OnigUChar*>(text.data()); }

std::string reason(int code, OnigErrorInfo details = {}) {
  std::array<OnigUChar, ONIG_MAX_ERROR_MESSAGE_LEN> text{};
  const int length = onig_error_code_to_str(text.data(), code, &details);
  return {reinterpret_cast<const char*>(text.data()), static_cast<size_t>(length)};
}

bool initialized() {
  static const bool done = [] {
    OnigEncoding encoding = ONIG_ENCODING_UTF8;
    return onig_initialize(&encoding, 1) == ONIG_NORMAL;
  }();
  return done;
}

// Since 6.9.9 [:punct:] holds symbols too, as Hugging Face tokenizers has it. An older Oniguruma is told so.
std::string with_symbols_as_punctuation(std::string expression) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kClasses{
      {{"[:punct:]", "\\p{P}\\p{S}"}, {"[:^punct:]", "[^\\p{P}\\p{S}]"}}};
  for (const auto& [name, members] : kClasses)
    for (size_t at = 0; (at = expression.find(name, at)) != std::string::npos; at += members.size())
      expression.replace(at, name.size(), members);
  return expression;
}
}  // namespace

Pattern Pattern::regex(const std::string& expression, const std::string& where) {
  const Splitter split = splitter_of(expression);
  if (!split) return oniguruma(expression, where);
  Pattern pattern;
  pattern.split_ = split;
  pattern.where_ = where;
  return pattern;
}

Pattern Pattern::oniguruma(const std::string& expression, const std::string& where) {
  require(initialized(), "[tokenizer] Oniguruma could not be started");
  require(expression.size() <= kLongestExpression, ExitCode::input, where, ": a regular expression of ",
          expression.size(), " bytes, the limit is ", kLongestExpression);
  const std::string text = with_symbols_as_punctuation(expression);
  const OnigUChar* start = start_of(text);
  regex_t* compiled = nullptr;
  OnigErrorInfo details{};
  const int code = onig_new(&compiled, start, start + text.size(), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                            ONIG_SYNTAX_ONIGURUMA, &details);
  require(code == ONIG_NORMAL, ExitCode::input, where, ": expected a regular expression in Oniguruma's syntax, got \"",
          excerpt(expression), "\" (", code == ONIG_NORMAL ? "" : reason(code, details),
          "). Take tokenizer.json from the model's publisher again");
  Pattern pattern;
  pattern.expression_ = std::shared_ptr<void>(compiled, [](void* it) { onig_free(static_cast<regex_t*>(it)); });
  pattern.where_ = where;
  return pattern;
}

Pattern Pattern::literal(std::string text, const std::string& where) {
  require(!text.empty(), ExitCode::input, where, ": expected a text to search for, got an empty one");
  Pattern pattern;
  pattern.literal_ = std::move(text);
  pattern.where_ = where;
  return pattern;
}

Pattern Pattern::read(const JsonView& pattern) {
  const std::string where = pattern.where() + ": " + pattern.path();
  if (const auto text = pattern.find("String")) return literal(text->as_text(), where);
  return regex(pattern.text("Regex"), where);
}

void Pattern::find(std::string_view text, std::vector<Range>& matches) const {
  matches.clear();
  if (split_) {
    split_(text, matches);
  } else if (!expression_) {
    for (size_t at = text.find(literal_); at != std::string_view::npos; at = text.find(literal_, at + literal_.size()))
      matches.push_back({uint32_t(at), uint32_t(at + literal_.size())});
  } else if (needs_stand_ins(text)) {
    find_expression(with_stand_ins(text), matches);
  } else {
    find_expression(text, matches);
  }
}

void Pattern::find_expression(std::string_view text, std::vector<Range>& matches) const {
  const std::unique_ptr<OnigRegion, void (*)(OnigRegion*)> region(onig_region_new(),
                                                                  [](OnigRegion* it) { onig_region_free(it, 1); });
  const std::unique_ptr<OnigMatchParam, void (*)(OnigMatchParam*)> limits(onig_new_match_param(),
                                                                          &onig_free_match_param);
  require(region && limits, ExitCode::memory, where_, ": no memory for a search");
  onig_initialize_match_param(limits.get());
  onig_set_retry_limit_in_match_of_match_param(limits.get(), kRetriesInMatch);
  onig_set_retry_limit_in_search_of_match_param(limits.get(), kRetriesInSearch);
  onig_set_match_stack_limit_size_of_match_param(limits.get(), kStackEntries);

  const OnigUChar* start = start_of(text);
  const OnigUChar* end = start + text.size();
  std::optional<size_t> last_end;
  for (size_t at = 0; at <= text.size();) {
    const int result = onig_search_with_param(static_cast<regex_t*>(expression_.get()), start, end, start + at, end,
                                              region.get(), ONIG_OPTION_NONE, limits.get());
    if (result == ONIG_MISMATCH) break;
    require(result >= 0, ExitCode::input, where_, ": the regular expression takes too long on a text of ", text.size(),
            " bytes (", result < 0 ? reason(result) : "",
            "). Use the tokenizer.json of the model's publisher, or shorten the text");
    const size_t from = size_t(region->beg[0]), to = size_t(region->end[0]);
    if (from == to && last_end == to) {  // an empty match right after a match: one code point further
      at += at < text.size() ? code_point_at(text, at).length : 1;
      continue;
    }
    matches.push_back({uint32_t(from), uint32_t(to)});
    at = to;
    last_end = to;
  }
}

}  // namespace hone::data
