#include "data/rows/row_encoder.h"

#include <array>

#include "data/rows/kinds/kinds.h"

namespace hone::data {

RowEncoder::RowEncoder(const RowEncoderOptions& options, const Tokenizer* tokenizer)
    : options_(options), tokenizer_(tokenizer) {
  const Form form = kind(options.kind).form;
  if (form == Form::tokens) return;
  require(
      tokenizer != nullptr, ExitCode::input,
      "only data of type tokens can be read without a tokenizer; put the model's tokenizer.json into its directory");
  if (form != Form::text) {
    try {
      layout_.emplace(options.layout, *tokenizer);
    } catch (const Error& error) {
      if (form == Form::chat || error.code() != ExitCode::input) throw;
      no_layout_ = error.what();  // wanted only where rows hold messages
    }
  }
  if (form == Form::answered || form == Form::pair)
    require(tokenizer->eos().has_value(), ExitCode::input,
            "answers end with the tokenizer's end token, and the model names none; set eos_token in its "
            "tokenizer_config.json");
}

Encoded RowEncoder::row_of(const Conversation& talk) const {
  if (!layout_) wrong("holds messages; ", no_layout_);
  const auto role_of = [&](const OrderedJson& message) -> Role {
    const std::string role = message["role"];
    if (role == "system" || role == "developer") return Role::system;
    if (role == "user") return Role::user;
    if (role == "assistant") return Role::assistant;
    if (role != "tool") wrong("a role that data.chat_layout has no turn for");
    return Role::tool;
  };
  if (!talk.tools.is_null()) wrong("tools: data.chat_layout has no place for them");
  std::vector<Message> messages;
  for (const OrderedJson& message : talk.messages) {
    if (message.contains("tool_calls"))
      wrong("messages[", messages.size(), "].tool_calls: data.chat_layout has no place for them");
    messages.push_back({role_of(message), message["content"].get<std::string>()});
  }
  return layout_->conversation(messages, options_.train_on);
}

Encoded RowEncoder::row_of(const PromptAnswer& said) const {
  TokenBuilder row(*tokenizer_);
  row.text(said.prompt);
  row.answer(said.answer, *tokenizer_->eos());
  return row.take(options_.train_on);
}

Encoded RowEncoder::row_of(const PlainText& said) const {
  TokenBuilder row(*tokenizer_);
  row.text(said.text);
  if (!said.text.empty() && options_.append_end && tokenizer_->eos()) row.special(*tokenizer_->eos());
  return row.take(said.text.empty() ? TrainOn::answers : TrainOn::all);
}

Encoded RowEncoder::row_of(const TokenIds& said) const { return {.tokens = said.tokens, .labels = said.labels}; }

Encoded RowEncoder::row_of(const Preference&) const { fail("[rows] a preference pair is two rows"); }

Encoded RowEncoder::encode(const Content& content) const {
  return std::visit([&](const auto& said) { return row_of(said); }, content);
}

std::pair<Encoded, Encoded> RowEncoder::encode_pair(const Preference& pair) const {
  const auto one = [&](const Preference::Side& side) {
    return std::visit([&](const auto& said) { return row_of(said); }, side);
  };
  return {one(pair.chosen), one(pair.rejected)};
}

std::vector<int32_t> RowEncoder::prompt(std::string_view request) const {
  const Form form = kind(options_.kind).form;
  require(form != Form::tokens, ExitCode::usage, "data of type tokens has no prompts of text");
  if (form == Form::chat) return layout_->prompt(std::array{Message{Role::user, std::string(request)}});
  TokenBuilder row(*tokenizer_);
  row.text(options_.kind == RowKind::alpaca ? alpaca_prompt(request, {}) : std::string(request));
  return row.take_prompt();
}

}  // namespace hone::data
