// One record of JSON into tokens and labels, by the kind of its file.
//   const RowEncoder encoder({.kind = RowKind::messages, .layout = LayoutKind::chatml}, &tokenizer);
//   const Encoded row = encoder.encode(parse_json(line, "train.jsonl:12"));
// What is wrong with a record is an Error (ExitCode::input) whose text has no place and none of the record's content.
#pragma once
#include <optional>

#include "data/template/chat_layout.h"
#include "kernels/host/json.h"

namespace hone::data {

struct RowEncoderOptions {
  RowKind kind = RowKind::messages;
  TrainOn train_on = TrainOn::answers;  // of text and of tokens: not read
  LayoutKind layout = LayoutKind::chatml;
};

class RowEncoder {
 public:
  // The tokenizer must outlive this; only RowKind::tokens needs none. Refused (ExitCode::input): a layout whose special
  // tokens the tokenizer does not have, answers without an end token (eos).
  RowEncoder(const RowEncoderOptions& options, const Tokenizer* tokenizer);

  // messages    the layout's turns (data/template/chat_layout.h)
  // alpaca      the instruction under the classic headings, "### Response:" and a line's end; then output, end token
  // completion  prompt and completion as they stand, end token. question and answer: a line's end between them
  // text        the text, end token where the tokenizer has one; all is learned
  // tokens      as they are; labels as given, all learned without them; an attention_mask must be all ones
  // Every text begins with what the tokenizer's post-processor puts first. No content is parsed for special tokens.
  Encoded encode(const Json& record) const;
  // The text kind's row of a whole file's text.
  Encoded encode_text(std::string_view text) const;

  // What stands before the answer to `request`, for generating: a user's message, an alpaca instruction without
  // input, a prompt (with the line's end of a question: no), the beginning of a text. An error for tokens.
  std::vector<int32_t> prompt(std::string_view request) const;

 private:
  Encoded tokens_row(const Json& record) const;
  Encoded answered(std::string_view prompt, std::string_view answer) const;
  RowEncoderOptions options_;
  const Tokenizer* tokenizer_;
  std::optional<ChatLayout> layout_;
};

}  // namespace hone::data
