#include "trainer/generation/conversation.h"

#include <algorithm>

#include "kernels/host/error.h"

namespace hone::trainer {

namespace {
std::string_view role_of_last(const data::Conversation& said) {
  return said.messages.empty() ? std::string_view() : data::role_of(said.messages.back());
}
}  // namespace

Conversation::Conversation(const data::Tokenizer& tokenizer, const Style& style, const std::string& system)
    : style_(style), tokenizer_(tokenizer), rows_({.kind = style.kind, .chat = style.chat}, &tokenizer) {
  if (remembers() && !style_.chat)
    style_.chat = std::make_shared<const data::ChatLayout>(data::LayoutKind::chatml, tokenizer);
  require(
      system.empty() || remembers(), ExitCode::usage,
      "--system: this model's rows have no system text; it needs a chat layout (data of type messages, or --layout)");
  if (!system.empty()) said_.messages.push_back({{"role", "system"}, {"content", system}});
}

std::vector<int32_t> Conversation::ask(const std::string& request) {
  if (!remembers()) {
    std::vector<int32_t> text = rows_.prompt(request);
    if (text.empty() && tokenizer_.bos()) text.push_back(*tokenizer_.bos());
    return text;
  }
  said_.messages.push_back({{"role", "user"}, {"content", request}});
  return style_.chat->prompt(said_);
}

void Conversation::answered(const std::string& answer) {
  if (remembers()) said_.messages.push_back({{"role", "assistant"}, {"content", answer}});
}

void Conversation::take_back() {
  if (role_of_last(said_) == "user") said_.messages.erase(said_.messages.size() - 1);
}

void Conversation::reset() {
  const bool system = !said_.messages.empty() && data::role_of(said_.messages.front()) == "system";
  while (said_.messages.size() > (system ? 1 : 0)) said_.messages.erase(said_.messages.size() - 1);
}

std::vector<int32_t> Conversation::ends() const {
  std::vector<int32_t> ends;
  if (remembers()) ends = style_.chat->ends();
  if (tokenizer_.eos() && std::ranges::find(ends, *tokenizer_.eos()) == ends.end()) ends.push_back(*tokenizer_.eos());
  return ends;
}

}  // namespace hone::trainer
