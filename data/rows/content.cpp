#include "data/rows/content.h"

#include <charconv>
#include <span>

#include "kernels/host/hash.h"

namespace hone::data {

namespace {
class Key {
 public:
  void add(std::string_view text) {
    const uint64_t size = text.size();  // so that the border between two texts counts
    hash_.add(std::as_bytes(std::span(&size, 1)));
    hash_.add(text);
  }
  void add(const Conversation& talk) {
    const OrderedJson& messages = talk.messages;
    size_t before = 0;
    while (before < messages.size() && messages[before].value("role", "") != "assistant") ++before;
    const size_t end = before > 0 ? before : messages.size();
    for (size_t i = 0; i < end; ++i) {
      add(messages[i].value("role", ""));
      const auto content = messages[i].find("content");
      add(content != messages[i].end() && content->is_string() ? content->get_ref<const std::string&>() : "");
    }
  }
  void add(const PromptAnswer& row) { add(row.prompt.empty() ? row.answer : row.prompt); }
  void add(const PlainText& row) { add(row.text); }
  void add(const TokenIds& row) { hash_.add(std::as_bytes(std::span(row.tokens))); }
  void add(const Preference& pair) {
    std::visit([&](const auto& side) { add(side); }, pair.chosen);
  }
  uint64_t value() const {
    const std::string digits = hash_.hex();
    uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + 16, value, 16);
    return value;
  }

 private:
  Xxh3 hash_;
};
}  // namespace

uint64_t split_key(const Content& content) {
  Key key;
  std::visit([&](const auto& said) { key.add(said); }, content);
  return key.value();
}

Conversation PromptAnswer::as_turns() const {
  Conversation talk{.messages = before};
  talk.messages.push_back({{"role", "user"}, {"content", request.empty() ? prompt : request}});
  talk.messages.push_back({{"role", "assistant"}, {"content", answer}});
  return talk;
}

}  // namespace hone::data
