// OpenAI's chats: {"messages": [{"role": "user", "content": …}, …], "tools": […]}. ShareGPT's are taken too.
#include "data/rows/kinds/kinds.h"

namespace hone::data {

void kinds::messages(const RecordView& record, std::vector<Content>& into) {
  if (!record.has("messages") && record.has("conversations")) return sharegpt(record, into);
  into.push_back(conversation_of(record, "messages"));
}

}  // namespace hone::data
