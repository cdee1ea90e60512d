#include "data/rows/row_encoder.h"

#include "data/rows/kinds/kinds.h"

namespace hone::data {

RowEncoder::RowEncoder(const RowEncoderOptions& options, const Tokenizer* tokenizer)
    : options_(options), tokenizer_(tokenizer) {
  const Form form = kind(options.kind).form;
  if (form == Form::tokens) return;
  require(
      tokenizer != nullptr, ExitCode::input,
      "only data of type tokens can be read without a tokenizer; put the model's tokenizer.json into its directory");
  chat_ = options.chat;
  const bool talks = form == Form::chat || (options.turns && form == Form::answered);
  if (form != Form::text && !chat_) {
    try {
      chat_ = std::make_shared<const ChatLayout>(options.layout, *tokenizer);
    } catch (const Error& error) {
      if (talks || error.code() != ExitCode::input) throw;
      no_chat_ = error.what();  // wanted only where rows hold messages
    }
  }
  if (!talks && (form == Form::answered || form == Form::pair))
    require(tokenizer->eos().has_value(), ExitCode::input,
            "answers end with the tokenizer's end token, and the model names none; set eos_token in its "
            "tokenizer_config.json");
}

Encoded RowEncoder::row_of(const Conversation& talk) const {
  if (!chat_) wrong("holds messages; ", no_chat_);
  return chat_->encode(talk, {options_.train_on, options_.roles});
}

Encoded RowEncoder::row_of(const PromptAnswer& said) const {
  if (options_.turns) return row_of(said.as_turns());
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
  if (form == Form::chat || options_.turns)
    return chat_->prompt({.messages = {{{"role", "user"}, {"content", request}}}});
  TokenBuilder row(*tokenizer_);
  row.text(options_.kind == RowKind::alpaca ? alpaca_prompt(request, {}) : std::string(request));
  return row.take_prompt();
}

}  // namespace hone::data
