#include "data/template/chat_layout.h"

#include <algorithm>
#include <array>

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
  const std::string name = this->name();
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
  if (message.learned) {
    row.answer(content, end_);
  } else {
    row.text(content);
    if (kind_ != LayoutKind::plain || message.role == Role::assistant) row.special(end_);
  }
  if (kind_ == LayoutKind::chatml) row.text("\n");
}

std::string ChatLayout::name() const {
  return kind_ == LayoutKind::chatml ? "chatml" : kind_ == LayoutKind::llama3 ? "llama3" : "plain";
}

namespace {
struct RoleName {
  std::string_view name;
  Role role;
};
constexpr std::array kRoles{RoleName{"system", Role::system}, RoleName{"developer", Role::system},
                            RoleName{"user", Role::user}, RoleName{"assistant", Role::assistant},
                            RoleName{"tool", Role::tool}};

std::string content_of(const OrderedJson& message, const std::string& place) {
  const auto content = message.find("content");
  if (content != message.end() && content->is_string()) return content->get<std::string>();
  std::string text;
  if (content != message.end() && content->is_array()) {
    for (const OrderedJson& part : *content) {
      const auto words = part.is_object() ? part.find("text") : part.end();
      if (!part.is_object() || words == part.end() || !words->is_string())
        fail(ExitCode::input, place, ".content: expected a text, or a list of {\"type\": \"text\", \"text\": …}");
      text += words->get_ref<const std::string&>();
    }
    return text;
  }
  fail(ExitCode::input, place, ".content: expected a text");
}

std::vector<Message> messages_of(const Conversation& conversation, const Learn& learn, const std::string& layout) {
  const auto no_words = [&](const std::string& place) {
    fail(ExitCode::input, place, ": the chat layout ", layout,
         " has no words for tools; use the model's own chat template (data.chat_layout: template)");
  };
  if (!conversation.tools.is_null() && !conversation.tools.empty()) no_words("tools");
  std::vector<Message> messages;
  for (const OrderedJson& message : conversation.messages) {
    const std::string place = joined("messages[", messages.size(), "]");
    if (message.contains("tool_calls") && !message.at("tool_calls").empty()) no_words(place + ".tool_calls");
    const std::string& role = role_of(message);
    const auto known = std::ranges::find(kRoles, std::string_view(role), &RoleName::name);
    if (known == kRoles.end()) fail(ExitCode::input, place, ".role: expected system, user, assistant or tool");
    messages.push_back({known->role, content_of(message, place), is_learned(message, learn)});
  }
  return messages;
}
}  // namespace

Encoded ChatLayout::encode(const Conversation& talk, const Learn& learn) const {
  const std::vector<Message> messages = messages_of(talk, learn, name());
  TokenBuilder row = begin();
  for (size_t i = 0; i < messages.size(); ++i) add(row, messages[i], i == 0);
  return row.take(learn.on);
}

std::vector<int32_t> ChatLayout::prompt(const Conversation& talk) const {
  const std::vector<Message> messages = messages_of(talk, {.roles = {}}, name());
  TokenBuilder row = begin();
  for (size_t i = 0; i < messages.size(); ++i) add(row, messages[i], i == 0);
  heading(row, Role::assistant, messages.empty());
  return row.take_prompt();
}

std::vector<int32_t> ChatLayout::ends() const {
  std::vector<int32_t> ends{end_};
  if (tokenizer_.eos() && *tokenizer_.eos() != end_) ends.push_back(*tokenizer_.eos());
  return ends;
}

}  // namespace hone::data
