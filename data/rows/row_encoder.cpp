#include "data/rows/row_encoder.h"

#include <array>

namespace hone::data {

namespace {
[[noreturn]] void wrong(const auto&... parts) { fail(ExitCode::input, parts...); }

std::string_view kind_of(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "a text";
  if (value.is_boolean()) return "true or false";
  return value.is_null() ? "null" : "a number";
}

const Json* find(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found == record.end() || found->is_null() ? nullptr : &*found;
}

const std::string& text_at(const Json& record, const char* key, std::string_view schema) {
  const Json* value = find(record, key);
  if (!value) wrong(key, " is missing; expected ", schema);
  if (!value->is_string()) wrong(key, ": expected a text, got ", kind_of(*value));
  return value->get_ref<const std::string&>();
}

const Json& list_at(const Json& record, const char* key, std::string_view schema) {
  const Json* value = find(record, key);
  if (!value) wrong(key, " is missing; expected ", schema);
  if (!value->is_array()) wrong(key, ": expected a list, got ", kind_of(*value));
  return *value;
}

// What a role is called, as chat data sets of either kind name it.
struct RoleName {
  std::string_view name;
  Role role;
};
constexpr std::array kRoles{RoleName{"system", Role::system}, RoleName{"user", Role::user},
                            RoleName{"human", Role::user},    RoleName{"assistant", Role::assistant},
                            RoleName{"gpt", Role::assistant}, RoleName{"model", Role::assistant},
                            RoleName{"tool", Role::tool}};

std::vector<Message> messages_of(const Json& record) {
  constexpr std::string_view kSchema = R"({"messages": [{"role": …, "content": …}, …]})";
  const bool share = !find(record, "messages") && find(record, "conversations");
  const char *key = share ? "conversations" : "messages", *role_key = share ? "from" : "role",
             *text_key = share ? "value" : "content";
  std::vector<Message> messages;
  for (const Json& turn : list_at(record, key, kSchema)) {
    const std::string place = joined(key, "[", messages.size(), "]");
    if (!turn.is_object()) wrong(place, ": expected an object, got ", kind_of(turn));
    Message message;
    try {
      const std::string& role = text_at(turn, role_key, kSchema);
      const RoleName* known = nullptr;
      for (const RoleName& name : kRoles)
        if (name.name == role) known = &name;
      if (!known) wrong(role_key, " is none of system, user, human, assistant, gpt, model, tool");
      message.role = known->role;
      message.content = text_at(turn, text_key, kSchema);
    } catch (const Error& error) {
      wrong(place, ".", error.what());
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

std::string alpaca_prompt(std::string_view instruction, std::string_view input) {
  std::string prompt = "Below is an instruction that describes a task";
  prompt += input.empty() ? ". " : ", paired with an input that provides further context. ";
  prompt += "Write a response that appropriately completes the request.\n\n### Instruction:\n";
  prompt += instruction;
  if (!input.empty()) prompt.append("\n\n### Input:\n").append(input);
  return prompt + "\n\n### Response:\n";
}
}  // namespace

RowEncoder::RowEncoder(const RowEncoderOptions& options, const Tokenizer* tokenizer)
    : options_(options), tokenizer_(tokenizer) {
  if (options.kind == RowKind::tokens) return;
  require(
      tokenizer != nullptr, ExitCode::input,
      "only data of type tokens can be read without a tokenizer; put the model's tokenizer.json into its directory");
  if (options.kind == RowKind::messages) layout_.emplace(options.layout, *tokenizer);
  if (options.kind == RowKind::alpaca || options.kind == RowKind::completion)
    require(tokenizer->eos().has_value(), ExitCode::input,
            "answers end with the tokenizer's end token, and the model names none; set eos_token in its "
            "tokenizer_config.json");
}

Encoded RowEncoder::answered(std::string_view prompt, std::string_view answer) const {
  TokenBuilder row(*tokenizer_);
  row.text(prompt);
  row.answer(answer, *tokenizer_->eos());
  return row.take(options_.train_on);
}

Encoded RowEncoder::encode_text(std::string_view text) const {
  TokenBuilder row(*tokenizer_);
  row.text(text);
  if (!text.empty() && tokenizer_->eos()) row.special(*tokenizer_->eos());
  return row.take(text.empty() ? TrainOn::answers : TrainOn::all);
}

Encoded RowEncoder::tokens_row(const Json& record) const {
  constexpr std::string_view kSchema = R"({"input_ids": [1, 2, …], "labels": [-100, 2, …]})";
  const auto ids = [&](const char* key, bool or_not_learned) {
    std::vector<int32_t> numbers;
    const Json& list = list_at(record, key, kSchema);
    numbers.reserve(list.size());
    for (const Json& value : list) {
      const bool small = value.is_number_unsigned() ? value.get<uint64_t>() <= uint64_t(INT32_MAX)
                                                    : value.is_number_integer() && value.get<int64_t>() >= INT32_MIN &&
                                                          value.get<int64_t>() <= INT32_MAX;
      const int64_t number = small ? value.get<int64_t>() : -1;
      if (number < 0 && !(or_not_learned && number == kNotLearned))
        wrong(key, "[", numbers.size(), "]: expected a token's id", or_not_learned ? " or -100" : "");
      numbers.push_back(int32_t(number));
    }
    return numbers;
  };
  Encoded row;
  row.tokens = ids("input_ids", false);
  row.labels = find(record, "labels") ? ids("labels", true) : row.tokens;
  if (row.labels.size() != row.tokens.size())
    wrong("input_ids and labels must be equally long, got ", row.tokens.size(), " and ", row.labels.size());
  if (find(record, "attention_mask")) {
    const Json& mask = list_at(record, "attention_mask", kSchema);
    bool ones = mask.size() == row.tokens.size();
    for (const Json& value : mask) ones = ones && value.is_number_integer() && value == 1;
    if (!ones) wrong("attention_mask: expected as many ones as input_ids; write rows without padding");
  }
  if (!row.labels.empty()) row.labels[0] = kNotLearned;
  return row;
}

Encoded RowEncoder::encode(const Json& record) const {
  if (!record.is_object()) wrong("expected an object, got ", kind_of(record));
  switch (options_.kind) {
    case RowKind::messages:
      return layout_->conversation(messages_of(record), options_.train_on);
    case RowKind::alpaca: {
      constexpr std::string_view kSchema = R"({"instruction": …, "input": …, "output": …})";
      const std::string& instruction = text_at(record, "instruction", kSchema);
      const std::string input = find(record, "input") ? text_at(record, "input", kSchema) : std::string();
      return answered(alpaca_prompt(instruction, input), text_at(record, "output", kSchema));
    }
    case RowKind::completion: {
      constexpr std::string_view kSchema = R"({"prompt": …, "completion": …} or {"question": …, "answer": …})";
      if (!find(record, "prompt") && find(record, "question"))
        return answered(text_at(record, "question", kSchema) + "\n", text_at(record, "answer", kSchema));
      const std::string& prompt = text_at(record, "prompt", kSchema);
      return answered(prompt, text_at(record, "completion", kSchema));
    }
    case RowKind::text:
      return encode_text(text_at(record, "text", R"({"text": …})"));
    case RowKind::tokens:
      break;
  }
  return tokens_row(record);
}

std::vector<int32_t> RowEncoder::prompt(std::string_view request) const {
  require(options_.kind != RowKind::tokens, ExitCode::usage, "data of type tokens has no prompts of text");
  if (layout_) return layout_->prompt(std::array{Message{Role::user, std::string(request)}});
  TokenBuilder row(*tokenizer_);
  row.text(options_.kind == RowKind::alpaca ? alpaca_prompt(request, {}) : std::string(request));
  return row.take_prompt();
}

}  // namespace hone::data
