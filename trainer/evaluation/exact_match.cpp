#include "trainer/evaluation/exact_match.h"

#include <algorithm>

#include "trainer/generation/generate.h"

namespace hone::trainer {

std::vector<Answered> answer_rows(Stream& stream, const Decoder& model, const std::vector<data::Row>& rows) {
  const auto ends_text = [&](int32_t token) {
    return std::ranges::find(model.config.eos, token) != model.config.eos.end();
  };
  std::vector<Answered> all;
  for (const data::Row& row : rows) {
    const auto first = std::ranges::find_if(row.labels, [](int32_t label) { return label >= 0; });
    const auto at = size_t(first - row.labels.begin());
    if (first == row.labels.end() || at == 0) continue;
    Answered answered{.row = row.number,
                      .question = {row.tokens.begin(), row.tokens.begin() + int64_t(at)},
                      .expected = {},
                      .answer = {}};
    for (size_t i = at; i < row.labels.size() && row.labels[i] >= 0; ++i)
      if (!ends_text(row.labels[i])) answered.expected.push_back(row.labels[i]);
    const auto most = int64_t(answered.expected.size()) + 1;
    answered.answer = generate(stream, model, answered.question, {.max_new_tokens = most});
    all.push_back(std::move(answered));
  }
  return all;
}

}  // namespace hone::trainer
