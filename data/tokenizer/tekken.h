// tekken.json of Mistral: a pattern, tokens as bytes with ranks, merged as OpenAI's tiktoken does it, and special
// tokens that come before them.
//   const Tekken tekken = read_tekken(JsonView(json, "tekken.json"));
//   tekken.vocabulary.id("Ġthe");                   // its rank and the number of special tokens
// Source: mistral-common's Tekkenizer (files of versions v3 to v15).
#pragma once
#include <string>
#include <vector>

#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/pattern.h"
#include "data/tokenizer/vocabulary.h"

namespace hone::data {

struct Tekken {
  Pattern pattern;
  Vocabulary vocabulary;  // in the byte-level alphabet
  std::vector<AddedToken> special;
};

// Errors (ExitCode::input): tokens that are missing, twice or not base 64, fewer than 256 bytes, ranks out of order.
Tekken read_tekken(const JsonView& file);

}  // namespace hone::data
