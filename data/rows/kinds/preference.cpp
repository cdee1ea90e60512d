// Preference pairs: {"prompt": …, "chosen": …, "rejected": …} as texts or as lists of messages, where the lists may
// hold the prompt too; texts without a prompt, which then is what both begin with; or under alpaca's headings.
#include <algorithm>

#include "data/rows/kinds/kinds.h"

namespace hone::data {

namespace {
// Where two texts part, as TRL finds it: not behind a space, and here not inside of a letter.
size_t parting(const std::string& a, const std::string& b) {
  size_t at = 0;
  while (at < std::min(a.size(), b.size()) && a[at] == b[at]) ++at;
  const auto inside = [](const std::string& text, size_t i) { return i < text.size() && (text[i] & 0xC0) == 0x80; };
  while (at > 0 && (inside(a, at) || inside(b, at))) --at;
  return at > 0 && a[at - 1] == ' ' ? at - 1 : at;
}

Preference of_texts(const RecordView& record) {
  const std::string &chosen = record.text("chosen"), &rejected = record.text("rejected");
  std::string prompt;
  if (record.has("instruction")) {
    prompt = alpaca_prompt(record.text("instruction"), record.text_or("input", ""));
  } else if (!record.has("prompt") && record.has("question")) {
    prompt = record.text("question") + "\n";
  } else if (!record.has("prompt")) {
    const size_t at = parting(chosen, rejected);
    return {PromptAnswer{chosen.substr(0, at), chosen.substr(at)},
            PromptAnswer{chosen.substr(0, at), rejected.substr(at)}};
  } else {
    prompt = record.text("prompt");
  }
  return {PromptAnswer{prompt, chosen}, PromptAnswer{prompt, rejected}};
}

Conversation side_of(const RecordView& record, const char* field) {
  Conversation talk = conversation_of(record, field);
  OrderedJson& messages = talk.messages;
  if (messages.empty() || messages.back()["role"] != "assistant")
    wrong(record.place(field), ": expected the last message to be an answer");
  OrderedJson before = OrderedJson::array();
  const OrderedJson* prompt = record.find("prompt");
  if (prompt && prompt->is_array()) {
    before = turns_of(record, "prompt");
  } else if (prompt && messages[0]["role"] == "assistant") {  // where a list has its own prompt, the text says it again
    before.push_back({{"role", "user"}, {"content", record.text("prompt")}});
  }
  before.insert(before.end(), messages.begin(), messages.end());
  messages = std::move(before);
  return talk;
}
}  // namespace

void kinds::preference(const RecordView& record, std::vector<Content>& into) {
  if (record.at("chosen").is_array())
    into.push_back(Preference{side_of(record, "chosen"), side_of(record, "rejected")});
  else
    into.push_back(of_texts(record));
}

}  // namespace hone::data
