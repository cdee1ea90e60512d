#include "data/check/rendered_row.h"

#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
// The text of tokens [begin, end), as it stands behind the token before: some tokenizers drop a space at the beginning
// of what they decode.
std::string text_of(const Row& row, size_t begin, size_t end, const Tokenizer& tokenizer) {
  const std::span<const int32_t> ids(row.tokens);
  const std::string alone = tokenizer.decode(ids.subspan(begin, end - begin));
  if (begin == 0) return alone;
  const std::string before = tokenizer.decode(ids.subspan(begin - 1, 1)),
                    both = tokenizer.decode(ids.subspan(begin - 1, end - begin + 1));
  return both.starts_with(before) ? both.substr(before.size()) : alone;
}

std::string with_valid_utf8(const std::string& text) {
  if (valid_utf8(text)) return text;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t length = 4;
    while (length > 0 && !(i + length <= text.size() && valid_utf8({&text[i], length}))) --length;
    if (length == 0) {
      out += "\uFFFD", ++i;
    } else {  // the shortest that is valid is one character
      length = 1;
      while (!valid_utf8({&text[i], length})) ++length;
      out.append(text, i, length), i += length;
    }
  }
  return out;
}
}  // namespace

std::vector<RowSpan> rendered(const Row& row, const Tokenizer& tokenizer) {
  std::vector<RowSpan> spans;
  const auto learned = [&](size_t i) { return row.labels[i] != kNotLearned; };
  for (size_t i = 0, end; i < row.tokens.size(); i = end) {
    const bool special = tokenizer.is_special(row.tokens[i]);
    end = i + 1;
    while (!special && end < row.tokens.size() && learned(end) == learned(i) && !tokenizer.is_special(row.tokens[end]))
      ++end;
    spans.push_back({with_valid_utf8(special ? tokenizer.token(row.tokens[i]) : text_of(row, i, end, tokenizer)),
                     learned(i), special});
  }
  return spans;
}

std::string row_caption(const Row& row, const Tokenizer& tokenizer) {
  std::string text = joined(with_commas(int64_t(row.tokens.size())), row.tokens.size() == 1 ? " token, " : " tokens, ",
                            with_commas(row.learned()), " learned");
  if (row.tokens.empty()) return text;
  // What stands behind the last end token, a line's end perhaps, is nothing to name.
  size_t last = row.tokens.size() - 1;
  const auto blank = [&](size_t i) {
    return !tokenizer.is_special(row.tokens[i]) &&
           tokenizer.decode(std::span(row.tokens).subspan(i, 1)).find_first_not_of(" \n") == std::string::npos;
  };
  while (last > 0 && blank(last)) --last;
  const bool special = tokenizer.is_special(row.tokens[last]), learned = row.labels[last] != kNotLearned;
  // Only a special token is named: another would be text of the row.
  text +=
      special ? ", ends with " + with_valid_utf8(tokenizer.token(row.tokens[last])) : ", ends without a special token";
  return text + (learned ? " (learned)" : " (not learned)");
}

}  // namespace hone::data
