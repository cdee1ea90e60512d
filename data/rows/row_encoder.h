// What a record says into tokens and labels.
//   const RowReader reader(RowKind::messages);
//   const RowEncoder encoder({.kind = RowKind::messages, .chat = chat}, &tokenizer);
//   for (const Content& said : reader.parse(line)) const Encoded row = encoder.encode(said);
// What is wrong with it is an Error (ExitCode::input) whose text has no place and none of the content.
#pragma once
#include <memory>
#include <utility>

#include "data/rows/content.h"
#include "data/rows/row.h"
#include "data/template/chat_layout.h"

namespace hone::data {

struct RowEncoderOptions {
  RowKind kind = RowKind::messages;     // what the encoder must be able to do, and how prompt() speaks
  TrainOn train_on = TrainOn::answers;  // of text and of tokens: not read
  LayoutKind layout = LayoutKind::chatml;
  bool append_end = true;                       // texts end with the end token
  std::shared_ptr<const ChatFormat> chat{};     // of conversations; null: the built-in `layout`
  std::vector<std::string> roles{"assistant"};  // whose messages are answers
  bool turns = false;                           // prompts and answers are conversations of two turns
};

class RowEncoder {
 public:
  // The tokenizer must outlive this; only RowKind::tokens needs none. Refused (ExitCode::input): for kinds of
  // conversations a layout whose special tokens the tokenizer does not have, answers without an end token (eos).
  RowEncoder(const RowEncoderOptions& options, const Tokenizer* tokenizer);

  // Conversation  as its chat format has it (data/template/chat_format.h)
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
  std::shared_ptr<const ChatFormat> chat_;
  std::string no_chat_;  // why there is none
};

}  // namespace hone::data
