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
  // [{"role": "user", "content": …}, …]: roles are system, user, assistant, tool or the data's own; other keys of a
  // message (tool_calls, reasoning_content, train …) stay as they are, in their order.
  OrderedJson messages = OrderedJson::array();
  OrderedJson tools = {};                         // the list that chat templates call tools; null where there is none
  OrderedJson variables = OrderedJson::object();  // more of the template's variables, of this row alone
};
struct PromptAnswer {
  std::string prompt, answer;  // the answer is learned
};
struct PlainText {
  std::string text;
};
struct TokenIds {
  std::vector<int32_t> tokens, labels;  // as in Row
};
struct Preference {  // two conversations that begin alike
  Conversation chosen, rejected;
};
using Content = std::variant<Conversation, PromptAnswer, PlainText, TokenIds, Preference>;

}  // namespace hone::data
