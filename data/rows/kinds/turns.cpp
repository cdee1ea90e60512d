// What lists of messages have in common, whoever wrote them: OpenAI's {"role", "content"}, ShareGPT's {"from",
// "value"}.
#include <algorithm>

#include "data/rows/kinds/kinds.h"

namespace hone::data {

namespace {
struct RoleName {
  std::string_view name, role;
};
// Beside the names that stay as they are.
constexpr std::array kRoleNames{RoleName{"human", "user"},
                                RoleName{"prompter", "user"},
                                RoleName{"gpt", "assistant"},
                                RoleName{"model", "assistant"},
                                RoleName{"chatgpt", "assistant"},
                                RoleName{"bot", "assistant"},
                                RoleName{"function", "tool"},
                                RoleName{"observation", "tool"},
                                RoleName{"ipython", "tool"},
                                RoleName{"tool_response", "tool"},
                                RoleName{"tool_call", "call"},
                                RoleName{"function_call", "call"},
                                RoleName{"function_response", "tool"}};
constexpr std::array<std::string_view, 5> kRoles{"system", "developer", "user", "assistant", "tool"};

// JSON inside a text, as function calls have it. Neither may hold what strict JSON does not.
OrderedJson json_in(const std::string& text, const std::string& place) {
  try {
    return parse_ordered_json(text, "text");
  } catch (const Error& error) {
    if (error.code() != ExitCode::input) throw;
    wrong(place, ": expected JSON in this text");
  }
}

// {"name": …, "arguments": {…} or the same as a text} → arguments as an object.
void read_arguments(OrderedJson& call, const std::string& place) {
  if (!call.is_object()) wrong(place, ": expected an object, got ", kind_of(call));
  const auto name = call.find("name");
  if (name == call.end() || !name->is_string()) wrong(place, ".name: expected a text");
  const auto arguments = call.find("arguments");
  if (arguments == call.end()) return;
  const std::string where = place + ".arguments";
  if (arguments->is_string()) {
    const std::string text = arguments->get<std::string>();
    *arguments = text.find_first_not_of(" \t\r\n") == std::string::npos ? OrderedJson::object() : json_in(text, where);
  }
  if (arguments->is_null()) *arguments = OrderedJson::object();
  if (!arguments->is_object()) wrong(where, ": expected an object, or one as text, got ", kind_of(*arguments));
}

OrderedJson function_of(OrderedJson call) { return {{"type", "function"}, {"function", std::move(call)}}; }

void read_calls(OrderedJson& calls, const std::string& place) {
  if (!calls.is_array()) wrong(place, ": expected a list, got ", kind_of(calls));
  for (size_t i = 0; i < calls.size(); ++i) {
    const std::string where = joined(place, "[", i, "]");
    if (!calls[i].is_object()) wrong(where, ": expected an object, got ", kind_of(calls[i]));
    const auto function = calls[i].find("function");
    if (function != calls[i].end())
      read_arguments(*function, where + ".function");
    else
      read_arguments(calls[i], where);
  }
}

// The text of "content": a text, or a list of {"type": "text", "text": …}, one after another.
std::string content_of(const OrderedJson& value, const std::string& place) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) wrong(place, ": expected a text, got ", kind_of(value));
  std::string text;
  for (size_t i = 0; i < value.size(); ++i) {
    const OrderedJson& part = value[i];
    if (part.is_string()) {
      text += part.get_ref<const std::string&>();
      continue;
    }
    const auto type = part.is_object() ? part.find("type") : part.end();
    const auto words = part.is_object() ? part.find("text") : part.end();
    const bool is_text = part.is_object() && words != part.end() && words->is_string() &&
                         (type == part.end() || (type->is_string() && *type == "text"));
    if (!is_text) wrong(place, "[", i, "]: expected {\"type\": \"text\", \"text\": …}; other parts cannot be learned");
    text += words->get_ref<const std::string&>();
  }
  return text;
}

// Whether an answer is learned: "train": true or false, or OpenAI's "weight": 0 or 1.
void read_train(OrderedJson& message, const std::string& place) {
  const auto train = message.find("train");
  if (train != message.end() && !train->is_boolean())
    wrong(place, ".train: expected true or false, got ", kind_of(*train));
  const auto weight = message.find("weight");
  if (weight == message.end()) return;
  if (!weight->is_number() || (*weight != 0 && *weight != 1)) wrong(place, ".weight: expected 0 or 1");
  const bool learned = *weight == 1;
  message.erase("weight");
  if (!message.contains("train")) message["train"] = learned;
}

OrderedJson turn_of(const RecordView& turn, const std::string& place) {
  const bool share = !turn.has("role") && turn.has("from");
  const char *role_field = share ? "from" : "role", *content_field = share ? "value" : "content";
  std::string role = role_of(turn.names(), turn.text(role_field));
  if (role.empty())
    wrong(turn.place(role_field),
          " is none of system, developer, user, human, assistant, gpt, model, tool, function …; say in "
          "data.train[].roles what it stands for");
  const bool call = role == "call";
  OrderedJson message{{"role", call ? "assistant" : role}};
  const OrderedJson* content = turn.find(content_field);
  if (content) {
    message["content"] = content_of(*content, turn.place(content_field));
  } else if (turn.json().contains(std::string(turn.key(content_field)))) {
    message["content"] = nullptr;
  }
  for (auto member = turn.json().begin(); member != turn.json().end(); ++member)
    if (!member->is_null() && member.key() != turn.key(role_field) && member.key() != turn.key(content_field) &&
        !message.contains(member.key()))
      message[member.key()] = *member;
  if (call) {  // ShareGPT's calls are JSON in a text
    if (!content) turn.missing(content_field);
    OrderedJson calls = json_in(message["content"].get<std::string>(), turn.place(content_field));
    if (!calls.is_array()) calls = OrderedJson::array({std::move(calls)});
    message["content"] = nullptr;
    for (OrderedJson& one : calls) one = function_of(std::move(one));
    message["tool_calls"] = std::move(calls);
  }
  if (message.contains("function_call")) {  // as OpenAI had it before there were several at once
    OrderedJson one = message["function_call"];
    message.erase("function_call");
    if (!message.contains("tool_calls")) message["tool_calls"] = OrderedJson::array({function_of(std::move(one))});
  }
  const bool calls = message.contains("tool_calls");
  if (calls) read_calls(message["tool_calls"], place + ".tool_calls");
  if (!content && !calls) turn.missing(content_field);
  read_train(message, place);
  return message;
}
}  // namespace

std::string role_of(const Names& names, std::string_view role) {
  if (const auto named = names.roles.find(role); named != names.roles.end()) return named->second;
  if (std::ranges::find(kRoles, role) != kRoles.end()) return std::string(role);
  const auto known = std::ranges::find(kRoleNames, role, &RoleName::name);
  return known == kRoleNames.end() ? std::string() : std::string(known->role);
}

OrderedJson turns_of(const RecordView& record, std::string_view field) {
  OrderedJson messages = OrderedJson::array();
  const size_t count = record.list(field).size();
  for (size_t i = 0; i < count; ++i) {
    const RecordView turn = record.item(field, i);
    messages.push_back(turn_of(turn, joined(record.place(field), "[", i, "]")));
  }
  return messages;
}

Conversation conversation_of(const RecordView& record, std::string_view field) {
  Conversation talk{.messages = turns_of(record, field)};
  const auto list_at = [&](std::string_view key) {
    OrderedJson list = record.at(key);
    if (list.is_string()) {
      const std::string text = list.get<std::string>();
      list = text.find_first_not_of(" \t\r\n") == std::string::npos ? OrderedJson::array()
                                                                    : json_in(text, record.place(key));
    }
    if (!list.is_array()) wrong(record.place(key), ": expected a list, or one as text, got ", kind_of(list));
    return list;
  };
  if (record.has("tools")) {
    talk.tools = list_at("tools");
  } else if (record.has("functions")) {
    talk.tools = list_at("functions");
    for (OrderedJson& tool : talk.tools) tool = function_of(std::move(tool));
  }
  if (talk.tools.empty()) talk.tools = nullptr;
  if (const OrderedJson* variables = record.find("chat_template_kwargs")) {
    if (!variables->is_object())
      wrong(record.place("chat_template_kwargs"), ": expected an object, got ", kind_of(*variables));
    talk.variables = *variables;
  }
  return talk;
}

}  // namespace hone::data
