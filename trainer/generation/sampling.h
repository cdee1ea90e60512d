// Which token comes next: what the logits leave to choose from, and the choice. Options and their order are those of
// transformers' generate: repetition_penalty, temperature, top_k, top_p, min_p.
//   const int32_t next = choose_token(logits, {.temperature = 0.8, .top_p = 0.95}, text);
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace hone::trainer {

struct SamplingOptions {
  int64_t max_new_tokens = 128;
  double temperature = 0;          // 0: the likeliest token (greedy); top_k, top_p and min_p then change nothing
  double top_p = 1;                // keep the smallest set of likeliest tokens whose probabilities reach it
  int64_t top_k = 0;               // keep that many, and more where several are as likely as the last; 0: all
  double min_p = 0;                // keep those at least this times as likely as the likeliest
  double repetition_penalty = 1;   // logits of tokens that the text holds are divided by it (multiplied where negative)
  uint64_t seed = 17;              // a drawn token is a function of seed and position
  std::vector<int32_t> ends = {};  // tokens that end a text, besides config.eos
};

struct Candidates {
  std::vector<int32_t> ids;           // the likeliest first
  std::vector<double> probabilities;  // their sum is 1
};

// logits (vocabulary) of what follows `text`. Errors (ExitCode::numerical): a logit that is not a number.
Candidates candidates(std::vector<double> logits, const SamplingOptions&, std::span<const int32_t> text);

// One of them, drawn for the position behind `text`.
int32_t choose_token(const std::vector<double>& logits, const SamplingOptions&, std::span<const int32_t> text);

}  // namespace hone::trainer
