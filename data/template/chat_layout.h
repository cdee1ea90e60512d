// The built-in chat layouts: how a conversation becomes one row of tokens.
//   const ChatLayout layout(LayoutKind::chatml, tokenizer);
//   layout.encode(conversation, {.on = TrainOn::answers});   // learned: 4<|im_end|>
//   layout.prompt(conversation);                             // up to and with <|im_start|>assistant\n
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data/template/chat_format.h"

namespace hone::data {

enum class LayoutKind {
  chatml,  // each turn: <|im_start|>role\ncontent<|im_end|>\n
  llama3,  // <|begin_of_text|>, each turn: <|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>; without the
           // spaces and line ends around the content
  plain    // each turn: Role:\ncontent; an empty line between turns; an answer ends with the tokenizer's end token
           // (eos). Needs no special tokens, and so cannot stop a text from imitating another turn.
};
enum class Role { system, user, assistant, tool };

struct Message {
  Role role = Role::user;
  std::string content;
  bool learned = false;  // an answer's: of a role that is trained, not left out by the row
};

class ChatLayout final : public ChatFormat {
 public:
  // Refused (ExitCode::input) where it lacks the layout's special tokens.
  ChatLayout(LayoutKind kind, const Tokenizer& tokenizer);
  // Contents are texts (or lists of texts), roles those of Role. Content is text: strings of special tokens in it stay
  // text. Learned are an answer's content and its end token, not its heading, nor the line's end after it. Errors:
  // tools and calls of tools, for which the layouts have no words.
  Encoded encode(const Conversation&, const Learn&) const override;
  std::vector<int32_t> prompt(const Conversation&) const override;
  std::vector<int32_t> ends() const override;
  std::string name() const override;
  Json settings() const override { return name(); }

 private:
  TokenBuilder begin() const;
  void heading(TokenBuilder& row, Role role, bool first) const;
  void add(TokenBuilder& row, const Message& message, bool first) const;
  LayoutKind kind_;
  Tokenizer tokenizer_;
  std::vector<std::string> guarded_;
  int32_t open_ = 0, middle_ = 0, end_ = 0;
  std::optional<int32_t> start_;
};

}  // namespace hone::data
