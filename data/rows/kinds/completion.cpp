// {"prompt": …, "completion": …} as they stand, or {"question": …, "answer": …} with a line's end between them. Where
// both are lists of messages, as TRL has them, the completion's are learned.
#include "data/rows/kinds/kinds.h"

namespace hone::data {

void kinds::completion(const RecordView& record, std::vector<Content>& into) {
  if (!record.has("prompt") && record.has("question")) {
    into.push_back(PromptAnswer{record.text("question") + "\n", record.text("answer"), record.text("question")});
    return;
  }
  const OrderedJson& prompt = record.at("prompt");
  if (prompt.is_array()) {
    Conversation talk = conversation_of(record, "prompt");
    for (OrderedJson& message : talk.messages) message["train"] = false;
    for (OrderedJson& message : turns_of(record, "completion")) talk.messages.push_back(std::move(message));
    into.push_back(std::move(talk));
    return;
  }
  const std::string& text = record.text("prompt");
  into.push_back(PromptAnswer{text, record.text("completion"), text});
}

}  // namespace hone::data
