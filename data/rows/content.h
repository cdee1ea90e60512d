// What a record says, whatever it was called in the file: what readers of rows give and what encoders turn into tokens.
//   Conversation talk{.messages = …};
#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "kernels/host/json.h"

namespace hone::data {

struct Conversation {
  // [{"role": "user", "content": …}, …]: roles are system, developer, user, assistant, tool or the data's own; content
  // is a text, of an answer that only calls tools perhaps null or absent. Other keys of a message stay as they are, in
  // their order, but for: tool_calls, whose arguments are objects; train, true or false, which says whether an answer
  // is learned; nulls, which are left out.
  OrderedJson messages = OrderedJson::array();
  OrderedJson tools = {};                         // the list that chat templates call tools; null where there is none
  OrderedJson variables = OrderedJson::object();  // more of the template's variables, of this row alone
};
struct PromptAnswer {
  std::string prompt, answer;  // the answer is learned
  // The same as turns of a conversation, where that has other words than the prompt: what is asked, and what was said
  // before.
  std::string request{};
  OrderedJson before = OrderedJson::array();
  Conversation as_turns() const;
};
struct PlainText {
  std::string text;
};
struct TokenIds {
  std::vector<int32_t> tokens, labels;  // as in Row
};
struct Preference {  // two answers to the same
  using Side = std::variant<Conversation, PromptAnswer>;
  Side chosen, rejected;
};
using Content = std::variant<Conversation, PromptAnswer, PlainText, TokenIds, Preference>;

// What decides on which side of an evaluation split a row falls: what stands before the first answer, that is the
// prompt, or the messages before the first of the assistant; where that is nothing, and of texts and tokens, all of it.
uint64_t split_key(const Content& content);

}  // namespace hone::data
