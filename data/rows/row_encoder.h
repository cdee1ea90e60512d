// What a record says into tokens and labels.
//   const RowReader reader(RowKind::messages);
//   const RowEncoder encoder({.kind = RowKind::messages, .layout = LayoutKind::chatml}, &tokenizer);
//   for (const Content& said : reader.parse(line)) const Encoded row = encoder.encode(said);
// What is wrong with it is an Error (ExitCode::input) whose text has no place and none of the content.
#pragma once
#include <optional>
#include <utility>

#include "data/rows/content.h"
#include "data/template/chat_layout.h"

namespace hone::data {

struct RowEncoderOptions {
  RowKind kind = RowKind::messages;     // what the encoder must be able to do, and how prompt() speaks
  TrainOn train_on = TrainOn::answers;  // of text and of tokens: not read
  LayoutKind layout = LayoutKind::chatml;
  bool append_end = true;  // texts end with the end token
};

class RowEncoder {
 public:
  // The tokenizer must outlive this; only RowKind::tokens needs none. Refused (ExitCode::input): for kinds of
  // conversations a layout whose special tokens the tokenizer does not have, answers without an end token (eos).
  RowEncoder(const RowEncoderOptions& options, const Tokenizer* tokenizer);

  // Conversation  the layout's turns (data/template/chat_layout.h)
  // PromptAnswer  both as they stand, end token
  // PlainText     the text, end token where the tokenizer has one; all is learned
  // TokenIds      as they are
  // Every text begins with what the tokenizer's post-processor puts first. No content is parsed for special tokens.
  // Not for Preference, which is two rows.
  Encoded encode(const Content& content) const;
  std::pair<Encoded, Encoded> encode_pair(const Preference& pair) const;  // chosen, rejected

  // What stands before the answer to `request`, for generating: a user's message, an alpaca instruction without
  // input, a prompt (with the line's end of a question: no), the beginning of a text. An error for tokens.
  std::vector<int32_t> prompt(std::string_view request) const;

 private:
  Encoded row_of(const Conversation& talk) const;  // the one place that knows how conversations become tokens
  Encoded row_of(const PromptAnswer& said) const;
  Encoded row_of(const PlainText& said) const;
  Encoded row_of(const TokenIds& said) const;
  Encoded row_of(const Preference& pair) const;
  RowEncoderOptions options_;
  const Tokenizer* tokenizer_;
  std::optional<ChatLayout> layout_;
  std::string no_layout_;  // why there is none
};

}  // namespace hone::data
