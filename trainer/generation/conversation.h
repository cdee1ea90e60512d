// What is said so far, as the tokens that training would make of it: the chat format's for a model of conversations;
// else every request stands alone, in the words of its rows.
//   Conversation talk(tokenizer, {data::RowKind::messages, chat_format_of("models/qwen2.5", tokenizer)}, "Be brief.");
//   const std::vector<int32_t> text = talk.ask("2 + 2?");       // … <|im_start|>assistant\n
//   talk.answered("4");
#pragma once
#include <string>
#include <vector>

#include "data/rows/row_encoder.h"

namespace hone::trainer {

class Conversation {
 public:
  struct Style {
    data::RowKind kind = data::RowKind::messages;
    std::shared_ptr<const data::ChatFormat> chat = {};  // of messages; null: chatml
  };
  // The tokenizer must outlive this. Errors: what a layout needs of the tokenizer (ExitCode::input), a system text
  // where there are no messages (ExitCode::usage).
  Conversation(const data::Tokenizer& tokenizer, const Style& style, const std::string& system);
  // All of it, up to where the answer begins.
  std::vector<int32_t> ask(const std::string& request);
  void answered(const std::string& answer);
  void take_back();  // a request that was not answered
  void reset();      // back to the system text
  // The tokens that end an answer, besides config.eos.
  std::vector<int32_t> ends() const;
  bool remembers() const { return style_.kind == data::RowKind::messages; }

 private:
  Style style_;
  const data::Tokenizer& tokenizer_;
  data::RowEncoder rows_;
  data::Conversation said_;
};

}  // namespace hone::trainer
