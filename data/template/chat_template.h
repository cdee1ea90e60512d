// The chat template that a model comes with (Jinja), as transformers' apply_chat_template renders and tokenises it.
//   const auto chat = ChatTemplate::find("models/qwen2.5", tokenizer, {});       // null where the model has none
//   const ChatTemplate::Rendered row = chat->render(conversation, {.on = TrainOn::answers}, false);
//   row.text; row.ids; row.learned;                                              // one flag a token
// Text is tokenised as a whole. What comes from the conversation never becomes a control token: a special token, or
// another added token that the template itself writes around turns (options.parse_special allows it).
#pragma once
#include <ctime>
#include <map>
#include <memory>
#include <optional>

#include "data/template/chat_format.h"
#include "data/template/jinja/template.h"
#include "kernels/host/file.h"

namespace hone::data {

struct ChatTemplateOptions {
  std::string source{};                           // the template itself; empty: the one of the model's folder
  std::string name = "data.chat_template";        // of `source`, in messages
  OrderedJson variables = OrderedJson::object();  // for the template; they win over special tokens' names
  std::optional<std::tm> date{};                  // what strftime_now sees; without it the function is not defined
  bool parse_special = false;                     // strings of special tokens within messages become their tokens
};

class ChatTemplate final : public ChatFormat {
 public:
  // Of a model's folder: chat_template.jinja and additional_chat_templates/*.jinja, else chat_template in
  // tokenizer_config.json (a text, or a list of named ones: "tool_use" where there are tools, else "default"). Null
  // where there is none and no source is given.
  static std::shared_ptr<const ChatTemplate> find(const fs::path& folder, const Tokenizer&, const ChatTemplateOptions&);

  struct Rendered {
    std::string text;
    std::vector<int32_t> ids;
    std::vector<bool> learned;      // as long as ids
    int64_t answers = 0, ends = 0;  // as in Encoded
    std::string problem{};          // what of an answer is not learned because its place cannot be told
  };
  // Learned is what {% generation %} wrote, where the template has it. Else an answer begins where the conversation
  // before it ends with its generation prompt, and ends with its last special token. An answer whose place the template
  // does not show that way is found by what changes when its content does.
  Rendered render(const Conversation&, const Learn&, bool generation_prompt) const;

  Encoded encode(const Conversation&, const Learn&) const override;
  std::vector<int32_t> prompt(const Conversation&) const override;
  std::vector<int32_t> ends() const override { return ends_; }
  std::string name() const override { return name_; }
  Json settings() const override;
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  using Templates = std::map<std::string, jinja::Template>;
  ChatTemplate(Templates, std::string name, std::string hash, const fs::path& folder, const Tokenizer&,
               const ChatTemplateOptions&);
  struct Answer;
  class Rendering;
  const jinja::Template& chosen(const Conversation&) const;
  jinja::Rendering run(const Conversation&, const OrderedJson& messages, bool generation_prompt) const;
  std::optional<jinja::Rendering> try_to_run(const Conversation&, const OrderedJson& messages,
                                             bool generation_prompt) const;
  void look_at_a_conversation();
  void check_marks(const Conversation&, const jinja::Rendering&) const;
  bool delimits_turns(int32_t id) const;

  Templates templates_;
  std::string name_, hash_;
  Tokenizer tokenizer_;
  ChatTemplateOptions options_;
  OrderedJson variables_;         // special tokens by name, and the options'
  std::vector<int32_t> guarded_;  // added tokens that are not special but delimit turns
  std::vector<int32_t> ends_;
};

}  // namespace hone::data
