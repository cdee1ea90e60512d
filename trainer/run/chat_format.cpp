#include "trainer/run/chat_format.h"

#include "data/template/chat_layout.h"

namespace hone::trainer {

namespace {
// "name=value", the value as JSON where it is some, else as a text.
void add_variable(OrderedJson& variables, const std::string& entry) {
  const size_t at = entry.find('=');
  require(at != 0 && at != std::string::npos, ExitCode::usage, "template variable: expected name=value, got ", entry);
  const std::string name = entry.substr(0, at), value = entry.substr(at + 1);
  variables[name] =
      OrderedJson::accept(value) ? parse_ordered_json(value, "data.chat_variables: " + name) : OrderedJson(value);
}

std::tm date_of(const std::string& text) {
  require(recipes::is_date(text), ExitCode::usage, "date: expected a day like 2026-11-26, got ", text);
  std::tm date{};
  date.tm_year = std::stoi(text.substr(0, 4)) - 1900;
  date.tm_mon = std::stoi(text.substr(5, 2)) - 1;
  date.tm_mday = std::stoi(text.substr(8, 2));
  date.tm_isdst = -1;
  ::timegm(&date);  // fills in the day of the week
  return date;
}

data::ChatTemplateOptions options_of(const recipes::DataSection& data) {
  data::ChatTemplateOptions options{.parse_special = data.parse_special_tokens};
  for (const std::string& entry : data.chat_variables) add_variable(options.variables, entry);
  if (!data.chat_date.empty()) options.date = date_of(data.chat_date);
  if (data.chat_template.empty()) return options;
  const bool inline_text =
      data.chat_template.find("{{") != std::string::npos || data.chat_template.find("{%") != std::string::npos;
  options.name = inline_text ? "data.chat_template" : data.chat_template;
  options.source = inline_text ? data.chat_template : read_text(data.chat_template, size_t(1) << 20);
  return options;
}

std::shared_ptr<const data::ChatFormat> layout(data::LayoutKind kind, const data::Tokenizer& tokenizer) {
  return std::make_shared<const data::ChatLayout>(kind, tokenizer);
}
}  // namespace

std::shared_ptr<const data::ChatFormat> chat_format_of(const recipes::DataSection& data, const fs::path& model,
                                                       const data::Tokenizer& tokenizer, bool needed) {
  using recipes::ChatLayout;
  switch (data.chat_layout) {
    case ChatLayout::chatml:
      return layout(data::LayoutKind::chatml, tokenizer);
    case ChatLayout::llama3:
      return layout(data::LayoutKind::llama3, tokenizer);
    case ChatLayout::plain:
      return layout(data::LayoutKind::plain, tokenizer);
    case ChatLayout::automatic:
    case ChatLayout::chat_template:
      break;
  }
  if (data.chat_layout == ChatLayout::chat_template) return chat_template_of(data, model, tokenizer);
  if (auto chat = data::ChatTemplate::find(model, tokenizer, options_of(data))) return chat;
  if (!needed && !(tokenizer.id("<|im_start|>") && tokenizer.id("<|im_end|>"))) return nullptr;
  return layout(data::LayoutKind::chatml, tokenizer);
}

std::shared_ptr<const data::ChatTemplate> chat_template_of(const recipes::DataSection& data, const fs::path& model,
                                                           const data::Tokenizer& tokenizer) {
  auto chat = data::ChatTemplate::find(model, tokenizer, options_of(data));
  require(chat != nullptr, ExitCode::input, model.string(),
          ": has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json); name one in "
          "data.chat_template, or a layout in data.chat_layout: chatml, llama3, plain");
  return chat;
}

std::shared_ptr<const data::ChatFormat> chat_format_of(const fs::path& model, const data::Tokenizer& tokenizer) {
  if (auto chat = data::ChatTemplate::find(model, tokenizer, {})) return chat;
  if (tokenizer.id("<|im_start|>") && tokenizer.id("<|im_end|>")) return layout(data::LayoutKind::chatml, tokenizer);
  if (tokenizer.id("<|start_header_id|>") && tokenizer.id("<|eot_id|>"))
    return layout(data::LayoutKind::llama3, tokenizer);
  return nullptr;
}

}  // namespace hone::trainer
