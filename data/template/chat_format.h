// How a conversation becomes one row of tokens, and which of them are learned: the model's own chat template, or one of
// the built-in layouts.
//   const std::shared_ptr<const ChatFormat> chat = chat_format("models/qwen2.5", tokenizer, {});
//   chat->encode(conversation, {.on = TrainOn::answers});     // learned: 4<|im_end|>
//   chat->prompt(conversation);                               // up to and with <|im_start|>assistant\n
#pragma once
#include <string>
#include <vector>

#include "data/rows/content.h"
#include "data/template/token_builder.h"

namespace hone::data {

struct Learn {
  TrainOn on = TrainOn::answers;
  std::vector<std::string> roles = {"assistant"};  // whose messages are answers
};

// What a message's role is, and whether it is an answer to learn from: of a role that is trained, and without
// "train": false or "weight": 0 (OpenAI's key).
const std::string& role_of(const OrderedJson& message);
bool is_learned(const OrderedJson& message, const Learn&);

class ChatFormat {
 public:
  virtual ~ChatFormat() = default;
  // Errors (ExitCode::input) have no place and none of the conversation's text.
  virtual Encoded encode(const Conversation&, const Learn&) const = 0;
  // The messages and the heading of the answer to come.
  virtual std::vector<int32_t> prompt(const Conversation&) const = 0;
  // Tokens that end an answer, where generation stops.
  virtual std::vector<int32_t> ends() const = 0;
  // "chatml", "chat_template.jinja": for people.
  virtual std::string name() const = 0;
  // All that decides on tokens besides the tokenizer.
  virtual Json settings() const = 0;
};

}  // namespace hone::data
