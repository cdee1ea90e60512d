// Puts a row together from what is only read and what is learned.
//   TokenBuilder row(tokenizer);
//   row.text("Question: …\n");           // read only
//   row.answer("42", *tokenizer.eos());  // learned, with its end token
//   Encoded encoded = row.take(TrainOn::answers);
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/rows/row.h"
#include "data/tokenizer/tokenizer.h"

namespace hone::data {

struct Encoded {
  std::vector<int32_t> tokens, labels;  // as in Row
  int64_t answers = 0;                  // answers that are learned
  int64_t ends = 0;                     // of those, how many have their end token learned
};

class TokenBuilder {
 public:
  // Begins with the tokenizer's prefix. `guarded`: strings that must never become their token inside of text, though
  // the tokenizer finds them there (added tokens that are not special); such text is cut inside of them.
  explicit TokenBuilder(const Tokenizer& tokenizer, std::span<const std::string> guarded = {});

  // Text never becomes special tokens. Neighbouring texts are encoded as one.
  void text(std::string_view text) { pending_ += text; }
  void special(int32_t id);
  // An answer and its end token; an empty answer is not learned, nor is its end.
  void answer(std::string_view text, int32_t end);
  // Tokens so far, without labels: a prompt.
  std::vector<int32_t> take_prompt();
  Encoded take(TrainOn train_on);

 private:
  struct Answer {
    size_t begin, end;  // tokens; the last one is the end token
  };
  std::vector<int32_t> encode(std::string_view text) const;
  void flush();
  const Tokenizer& tokenizer_;
  std::span<const std::string> guarded_;
  std::string pending_;
  std::vector<int32_t> tokens_;
  std::vector<Answer> answers_;
};

}  // namespace hone::data
