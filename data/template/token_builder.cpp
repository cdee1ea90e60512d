#include "data/template/token_builder.h"

#include <algorithm>

namespace hone::data {

TokenBuilder::TokenBuilder(const Tokenizer& tokenizer, std::span<const std::string> guarded)
    : tokenizer_(tokenizer), guarded_(guarded), tokens_(tokenizer.prefix()) {}

std::vector<int32_t> TokenBuilder::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  while (!text.empty()) {
    size_t cut = text.size();
    for (const std::string& marker : guarded_)
      if (const size_t at = text.find(marker); at != std::string_view::npos) cut = std::min(cut, at + 1);
    const std::vector<int32_t> part = tokenizer_.encode(text.substr(0, cut), SpecialTokens::text);
    ids.insert(ids.end(), part.begin(), part.end());
    text.remove_prefix(cut);
  }
  return ids;
}

void TokenBuilder::flush() {
  const std::vector<int32_t> ids = encode(pending_);
  tokens_.insert(tokens_.end(), ids.begin(), ids.end());
  pending_.clear();
}

void TokenBuilder::special(int32_t id) {
  flush();
  tokens_.push_back(id);
}

void TokenBuilder::answer(std::string_view text, int32_t end) {
  // Encoded together with what stands before it, as the whole text would be, wherever that leaves the tokens before it
  // as they are; else alone: when generating, the tokens before it are all that the model sees.
  const std::vector<int32_t> before = encode(pending_), whole = encode(pending_ + std::string(text));
  tokens_.insert(tokens_.end(), before.begin(), before.end());
  pending_.clear();
  const size_t begin = tokens_.size();
  if (whole.size() >= before.size() && std::equal(before.begin(), before.end(), whole.begin())) {
    tokens_.insert(tokens_.end(), whole.begin() + int64_t(before.size()), whole.end());
  } else {
    const std::vector<int32_t> alone = encode(text);
    tokens_.insert(tokens_.end(), alone.begin(), alone.end());
  }
  tokens_.push_back(end);
  if (!text.empty()) answers_.push_back({begin, tokens_.size()});
}

std::vector<int32_t> TokenBuilder::take_prompt() {
  flush();
  return std::move(tokens_);
}

Encoded TokenBuilder::take(TrainOn train_on) {
  flush();
  Encoded row;
  row.labels.assign(tokens_.size(), kNotLearned);
  if (train_on == TrainOn::all) row.labels = tokens_;
  const size_t first = train_on == TrainOn::last && !answers_.empty() ? answers_.size() - 1 : 0;
  for (size_t i = first; i < answers_.size(); ++i)
    std::copy(tokens_.begin() + int64_t(answers_[i].begin), tokens_.begin() + int64_t(answers_[i].end),
              row.labels.begin() + int64_t(answers_[i].begin));
  if (!row.labels.empty()) row.labels[0] = kNotLearned;  // nothing stands before it that could predict it
  row.answers = int64_t(answers_.size() - first);
  for (size_t i = first; i < answers_.size(); ++i) row.ends += row.labels[answers_[i].end - 1] != kNotLearned;
  row.tokens = std::move(tokens_);
  return row;
}

}  // namespace hone::data
