#include "data/template/answer_spans.h"

#include <algorithm>

namespace hone::data {

namespace {
// Private-use characters, which no template looks for; two, because the content may begin or end with one.
constexpr std::string_view kMarks[] = {"\xEF\xA3\xB1", "\xEF\xA3\xB2"};

uint32_t common(const std::string& a, const std::string& b) {
  const size_t least = std::min(a.size(), b.size());
  return uint32_t(std::mismatch(a.begin(), a.begin() + int64_t(least), b.begin()).first - a.begin());
}
uint32_t common_end(const std::string& a, const std::string& b) {
  const size_t least = std::min(a.size(), b.size());
  return uint32_t(std::mismatch(a.rbegin(), a.rbegin() + int64_t(least), b.rbegin()).first - a.rbegin());
}
uint32_t size_of(const std::vector<Range>& ranges) {
  uint32_t bytes = 0;
  for (const Range range : ranges) bytes += range.end - range.begin;
  return bytes;
}
std::string role(const OrderedJson& message) {
  const auto found = message.find("role");
  return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
}
// The texts of a message, as deep as they lie: its content, what it thinks, calls of tools with their arguments.
void texts_of(OrderedJson& value, std::vector<std::string*>& into) {
  if (value.is_string()) into.push_back(&value.get_ref<std::string&>());
  if (!value.is_structured()) return;
  for (auto each = value.begin(); each != value.end(); ++each)
    if (!value.is_object() || each.key() != "role") texts_of(*each, into);
}
}  // namespace

uint32_t AnswerSpans::data_bytes(uint32_t end) const {
  uint32_t bytes = 0;
  for (const Range range : full_.data)
    if (range.begin < end) bytes += std::min(range.end, end) - range.begin;
  return bytes;
}

uint32_t AnswerSpans::data_from(uint32_t begin) const {
  for (const Range range : full_.data)
    if (range.end > begin) return std::max(range.begin, begin);
  return uint32_t(full_.text.size());
}

uint32_t AnswerSpans::last_data(uint32_t begin, uint32_t end) const {
  uint32_t last = begin;
  for (const Range range : full_.data)
    if (range.begin < end && range.end > begin) last = std::min(range.end, end);
  return last;
}

std::optional<jinja::Rendering> AnswerSpans::first(size_t count, bool generation_prompt) const {
  if (count == 0) return {};  // templates look at the first message
  return render_(OrderedJson(messages_.begin(), messages_.begin() + int64_t(count)), generation_prompt);
}

std::optional<uint32_t> AnswerSpans::begin_by_prefix(size_t message) const {
  const bool assistant = role(messages_[message]) == "assistant";
  const std::optional<jinja::Rendering> before = first(message, assistant);
  if (!before) return {};
  uint32_t begin = common(before->text, full_.text);
  // All of the messages before it, and nothing of another one, must stand there as they do in the whole.
  const uint32_t earlier = before->data.empty() ? 0 : before->data.back().end;
  if (begin < earlier || data_bytes(earlier) != size_of(before->data)) return {};
  // Beyond the heading both may go on alike by chance, or the prompt may say more than earlier answers have.
  begin = std::min(begin, data_from(earlier));
  return assistant ? begin : data_from(begin);
}

std::optional<AnswerSpan> AnswerSpans::end_by_prefix(size_t message, uint32_t begin) const {
  const size_t count = message + 1;
  AnswerSpan span{begin, begin, uint32_t(full_.text.size())};
  std::optional<jinja::Rendering> other;
  if (count < messages_.size()) {
    other = first(count, false);
    if (!other) return {};
  } else {  // what the template writes at the end of every conversation is none of the answer
    OrderedJson longer = messages_;
    longer.push_back({{"role", "user"}, {"content", kMarks[0]}});
    other = render_(longer, false);
  }
  const uint32_t alike = other ? common(other->text, full_.text) : span.end;
  if (count < messages_.size()) {
    if (alike < begin || data_bytes(alike) < size_of(other->data)) return {};
    span.end = alike;
  } else if (alike >= last_data(begin, span.end)) {
    span.end = alike;
  }
  span.content = last_data(begin, span.end);
  return span;
}

// Each text of the message is changed at its beginning and at its end; those that a template passes over change
// nothing, those that it cannot bear are passed over here.
std::optional<AnswerSpan> AnswerSpans::by_change(size_t message, std::optional<uint32_t> begin) const {
  constexpr size_t kMostTexts = 32;
  const auto size = uint32_t(full_.text.size());
  uint32_t first = size, last = 0;
  OrderedJson changed = messages_;
  std::vector<std::string*> texts;
  texts_of(changed[message], texts);
  if (texts.size() > kMostTexts) texts.erase(texts.begin() + kMostTexts / 2, texts.end() - kMostTexts / 2);
  for (std::string* text : texts) {
    const std::string was = *text;
    for (const bool before : {true, false}) {
      const bool begins = before ? text->starts_with(kMarks[0]) : text->ends_with(kMarks[0]);
      text->insert(before ? 0 : text->size(), kMarks[begins ? 1 : 0]);
      const std::optional<jinja::Rendering> other = render_(changed, false);
      *text = was;
      if (!other || other->text == full_.text) continue;
      if (before)
        first = std::min(first, common(other->text, full_.text));
      else
        last = std::max(last, size - std::min(size, common_end(other->text, full_.text)));
    }
  }
  const AnswerSpan span{begin.value_or(first), last, size, true};
  if (last == 0 || span.content < span.begin) return {};
  return span;
}

std::optional<AnswerSpan> AnswerSpans::find(size_t message) const {
  const std::optional<uint32_t> begin = begin_by_prefix(message);
  if (begin)
    if (const std::optional<AnswerSpan> span = end_by_prefix(message, *begin)) return span;
  return by_change(message, begin);
}

}  // namespace hone::data
