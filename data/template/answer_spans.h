// Where the answers of a conversation lie in the text that a chat template made of it, for templates that do not say so
// themselves. Found by rendering parts of the conversation and comparing.
//   const AnswerSpans find(messages, full, [&](const OrderedJson& part, bool prompt) { return render(part, prompt); });
//   const std::optional<AnswerSpan> span = find(1);        // of messages[1]
#pragma once
#include <functional>
#include <optional>

#include "data/template/jinja/template.h"
#include "kernels/host/json.h"

namespace hone::data {

struct AnswerSpan {
  uint32_t begin;    // byte of the text where the answer begins, behind its heading
  uint32_t content;  // end of the last byte that came from the message itself; begin where none did
  uint32_t end;      // of what follows it for sure: its end token, and maybe what stands before the next heading
  bool first_special_ends = false;  // `end` may lie behind the next heading: the first special token ends the answer
};

class AnswerSpans {
 public:
  // The template's rendering of other messages; null where it refuses them.
  using Render = std::function<std::optional<jinja::Rendering>(const OrderedJson& messages, bool generation_prompt)>;
  AnswerSpans(const OrderedJson& messages, const jinja::Rendering& full, Render render)
      : messages_(messages), full_(full), render_(std::move(render)) {}
  // Empty where the template gives no way to tell. Of an assistant's message the heading is what its generation prompt
  // is; of another one, what stands before its content.
  std::optional<AnswerSpan> find(size_t message) const;

 private:
  std::optional<jinja::Rendering> first(size_t count, bool generation_prompt) const;
  std::optional<uint32_t> begin_by_prefix(size_t message) const;
  std::optional<AnswerSpan> end_by_prefix(size_t message, uint32_t begin) const;
  std::optional<AnswerSpan> by_change(size_t message, std::optional<uint32_t> begin) const;
  uint32_t data_bytes(uint32_t end) const;                 // of full_'s text before `end`
  uint32_t data_from(uint32_t begin) const;                // the first byte at or after it that is the conversation's
  uint32_t last_data(uint32_t begin, uint32_t end) const;  // the end of the last such byte before `end`

  const OrderedJson& messages_;
  const jinja::Rendering& full_;
  Render render_;
};

}  // namespace hone::data
