#include "data/check/row_faults.h"

#include <algorithm>
#include <string>

namespace hone::data {

namespace {
constexpr size_t kAround = 8;  // tokens on either side of a border that decide where the tokenizer cuts

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

// Whether `text`, encoded at once, has no border where its first `before` bytes end.
bool cut_inside(const Tokenizer& tokenizer, const std::string& before, const std::string& text) {
  const std::vector<int32_t> ids = tokenizer.encode(text, SpecialTokens::text);
  for (size_t i = 1; i <= ids.size(); ++i) {
    const std::string part = tokenizer.decode(std::span(ids).first(i));
    if (part.size() >= before.size()) return part != before;
  }
  return false;
}

bool splits_token(const Row& row, size_t border, const Tokenizer& tokenizer) {
  size_t from = border, to = border;
  while (from > 0 && border - from < kAround && !tokenizer.is_special(row.tokens[from - 1])) --from;
  while (to < row.tokens.size() && to - border < kAround && !tokenizer.is_special(row.tokens[to])) ++to;
  if (from == border || to == border) return false;
  const std::span<const int32_t> ids(row.tokens);
  const std::string before = tokenizer.decode(ids.subspan(from, border - from)),
                    text = tokenizer.decode(ids.subspan(from, to - from));
  // Half characters decode to U+FFFD: what the text was cannot be told.
  return text.starts_with(before) && !before.empty() && text.find("\uFFFD") == std::string::npos &&
         cut_inside(tokenizer, before, text);
}
}  // namespace

int32_t unknown_token(const Tokenizer& tokenizer) {
  for (const char* name : {"<unk>", "[UNK]"})
    if (const auto id = tokenizer.id(name)) return *id;
  return -1;
}

RowFaults row_faults(const Row& row, RowKind kind, const Tokenizer* tokenizer) {
  RowFaults faults{.learned = row.learned()};
  if (kind != RowKind::text) faults.missing_ends = row.answers - row.ends;
  if (!tokenizer) return faults;
  const std::vector<int32_t>&tokens = row.tokens, &labels = row.labels;
  const auto bos = tokenizer->bos();
  faults.double_bos = bos && tokens.size() >= 2 && tokens[0] == *bos && tokens[1] == *bos;
  const int32_t unknown = unknown_token(*tokenizer);
  faults.unknown_token = unknown >= 0 && std::ranges::find(tokens, unknown) != tokens.end();

  const auto learned = [&](size_t i) { return labels[i] != kNotLearned; };
  bool any_word = false;
  for (size_t i = 0; i < tokens.size();) {
    if (!learned(i)) {
      ++i;
      continue;
    }
    size_t end = i;
    bool special = true;
    while (end < tokens.size() && learned(end)) special = special && tokenizer->is_special(tokens[end]), ++end;
    // Most answers have a word among their first tokens: the rest need not be decoded.
    bool empty = special;
    if (!special) {
      const std::span<const int32_t> span = std::span(tokens).subspan(i, end - i);
      empty = blank(tokenizer->decode(span.first(std::min<size_t>(span.size(), 4)), true)) &&
              blank(tokenizer->decode(span, true));
    }
    any_word = any_word || !empty;
    if (i > 0 && !empty && !faults.split_token && kind != RowKind::text && !tokenizer->is_special(tokens[i]))
      faults.split_token = splits_token(row, i, *tokenizer);
    i = end;
  }
  faults.special_only = faults.learned > 0 && !any_word;
  if (kind == RowKind::tokens && faults.learned > 0) {
    const auto last =
        size_t(labels.rend() -
               std::ranges::find_if(labels.rbegin(), labels.rend(), [](int32_t l) { return l != kNotLearned; }) - 1);
    faults.missing_ends = !tokenizer->is_special(tokens[last]) && tokens[last] != tokenizer->eos().value_or(-1);
  }
  return faults;
}

}  // namespace hone::data
