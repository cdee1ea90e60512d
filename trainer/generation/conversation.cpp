#include "trainer/generation/conversation.h"

#include "kernels/host/error.h"

namespace hone::trainer {

Conversation::Conversation(const data::Tokenizer& tokenizer, const Style& style, const std::string& system)
    : style_(style),
      tokenizer_(tokenizer),
      rows_({.kind = style.kind, .train_on = data::TrainOn::answers, .layout = style.layout}, &tokenizer) {
  if (remembers()) layout_.emplace(style.layout, tokenizer);
  require(
      system.empty() || remembers(), ExitCode::usage,
      "--system: this model's rows have no system text; it needs a chat layout (data of type messages, or --layout)");
  if (!system.empty()) messages_.push_back({data::Role::system, system});
}

std::vector<int32_t> Conversation::ask(const std::string& request) {
  if (!remembers()) {
    std::vector<int32_t> text = rows_.prompt(request);
    if (text.empty() && tokenizer_.bos()) text.push_back(*tokenizer_.bos());
    return text;
  }
  messages_.push_back({data::Role::user, request});
  return layout_->prompt(messages_);
}

void Conversation::answered(const std::string& answer) {
  if (remembers()) messages_.push_back({data::Role::assistant, answer});
}

void Conversation::take_back() {
  if (!messages_.empty() && messages_.back().role == data::Role::user) messages_.pop_back();
}

void Conversation::reset() {
  const bool system = !messages_.empty() && messages_.front().role == data::Role::system;
  messages_.resize(system ? 1 : 0);
}

std::vector<int32_t> Conversation::ends() const {
  std::vector<int32_t> ends;
  if (layout_) ends.push_back(layout_->end_token());
  if (tokenizer_.eos()) ends.push_back(*tokenizer_.eos());
  return ends;
}

}  // namespace hone::trainer
