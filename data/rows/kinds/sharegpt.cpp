// ShareGPT's chats: {"conversations": [{"from": "human", "value": …}, …]}, perhaps with a system text and with tools
// beside them, as LLaMA-Factory has them.
#include "data/rows/kinds/kinds.h"

namespace hone::data {

void kinds::sharegpt(const RecordView& record, std::vector<Content>& into) {
  Conversation talk = conversation_of(record, "conversations");
  const std::string system = record.text_or("system", "");
  OrderedJson& messages = talk.messages;
  if (!system.empty() && (messages.empty() || messages[0]["role"] != "system"))
    messages.insert(messages.begin(), OrderedJson{{"role", "system"}, {"content", system}});
  into.push_back(std::move(talk));
}

}  // namespace hone::data
