#include "data/template/chat_layout.h"

#include "kernels/host/error.h"

namespace hone::data {

namespace {
std::string_view name_of(LayoutKind kind, Role role) {
  if (kind == LayoutKind::plain) {
    if (role == Role::system) return "System";
    if (role == Role::user) return "User";
    return role == Role::assistant ? "Assistant" : "Tool";
  }
  if (role == Role::system) return "system";
  if (role == Role::user) return "user";
  if (role == Role::assistant) return "assistant";
  return kind == LayoutKind::llama3 ? "ipython" : "tool";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n\r\v\f";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}
}  // namespace

ChatLayout::ChatLayout(LayoutKind kind, const Tokenizer& tokenizer) : kind_(kind), tokenizer_(tokenizer) {
  const std::string_view name = kind == LayoutKind::chatml ? "chatml" : "llama3";
  const auto marker = [&](const std::string& token) {
    const std::optional<int32_t> id = tokenizer.id(token);
    require(id.has_value(), ExitCode::input, "data.chat_layout ", name, " needs the special token ", token,
            ", which the model's tokenizer does not have; use data.chat_layout: plain, or the layout that the model "
            "was trained with");
    if (tokenizer.encode(token, SpecialTokens::text) == std::vector<int32_t>{*id}) guarded_.push_back(token);
    return *id;
  };
  if (kind == LayoutKind::chatml) {
    open_ = marker("<|im_start|>"), end_ = marker("<|im_end|>");
  } else if (kind == LayoutKind::llama3) {
    const int32_t begin_of_text = marker("<|begin_of_text|>");
    if (tokenizer.prefix().empty()) start_ = begin_of_text;
    open_ = marker("<|start_header_id|>"), middle_ = marker("<|end_header_id|>"), end_ = marker("<|eot_id|>");
  } else {
    require(tokenizer.eos().has_value(), ExitCode::input,
            "data.chat_layout plain ends answers with the tokenizer's end token, and the model names none; set "
            "eos_token in its tokenizer_config.json");
    end_ = marker(tokenizer.token(*tokenizer.eos()));
  }
}

TokenBuilder ChatLayout::begin() const {
  TokenBuilder row(tokenizer_, guarded_);
  if (start_) row.special(*start_);
  return row;
}

void ChatLayout::heading(TokenBuilder& row, Role role, bool first) const {
  const std::string name(name_of(kind_, role));
  if (kind_ == LayoutKind::plain) {
    row.text((first ? "" : "\n\n") + name + ":\n");
    return;
  }
  row.special(open_);
  row.text(name);
  if (kind_ == LayoutKind::llama3) row.special(middle_);
  row.text(kind_ == LayoutKind::llama3 ? "\n\n" : "\n");
}

void ChatLayout::add(TokenBuilder& row, const Message& message, bool first) const {
  heading(row, message.role, first);
  const std::string_view content =
      kind_ == LayoutKind::llama3 ? trimmed(message.content) : std::string_view(message.content);
  if (message.role == Role::assistant) {
    row.answer(content, end_);
  } else {
    row.text(content);
    if (kind_ != LayoutKind::plain) row.special(end_);
  }
  if (kind_ == LayoutKind::chatml) row.text("\n");
}

Encoded ChatLayout::conversation(std::span<const Message> messages, TrainOn train_on) const {
  TokenBuilder row = begin();
  for (size_t i = 0; i < messages.size(); ++i) add(row, messages[i], i == 0);
  return row.take(train_on);
}

std::vector<int32_t> ChatLayout::prompt(std::span<const Message> messages) const {
  TokenBuilder row = begin();
  for (size_t i = 0; i < messages.size(); ++i) add(row, messages[i], i == 0);
  heading(row, Role::assistant, messages.empty());
  return row.take_prompt();
}

}  // namespace hone::data
