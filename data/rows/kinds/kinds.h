// The kinds of rows: how a record becomes what it says. A kind is a file of this folder, its line in kinds.cpp and its
// name in RowKind (data/rows/row.h).
//   const RowReader reader(RowKind::alpaca, {.fields = {{"instruction", "task"}}});
//   for (const Content& said : reader.parse(line)) …
#pragma once
#include <array>
#include <string_view>
#include <vector>

#include "data/rows/content.h"
#include "data/rows/kinds/record_view.h"
#include "data/rows/row.h"

namespace hone::data {

// What a kind's rows are made of.
enum class Form {
  chat,      // conversations
  answered,  // a prompt and an answer as texts, or a conversation
  pair,      // two of either
  text,
  tokens
};

struct Kind {
  RowKind kind;
  std::string_view name;  // in recipes
  Form form;
  std::string_view schema;
  std::string_view fields;  // that may have other names, with spaces between them
  int depth;                // levels of JSON that a record has at most
  void (*read)(const RecordView& record, std::vector<Content>& into);
};

const Kind& kind(RowKind kind);
const Kind& kind_named(std::string_view name);  // an error (ExitCode::usage) where there is none

class RowReader {
 public:
  // Refused (ExitCode::usage): a name for a field that the kind does not have.
  explicit RowReader(RowKind kind, Names names = {});
  const Kind& kind() const { return *kind_; }
  // At least one. What is wrong with a record is an Error (ExitCode::input) without a place and without its content.
  std::vector<Content> read(const OrderedJson& record) const;
  std::vector<Content> parse(std::string_view json) const;  // errors begin with "row"

 private:
  const Kind* kind_;
  Names names_;
};

// What kinds share. The turns of a list of messages, in OpenAI's words or in ShareGPT's, as Conversation has them.
OrderedJson turns_of(const RecordView& record, std::string_view field);
// A record with a list of turns, its tools and its variables.
Conversation conversation_of(const RecordView& record, std::string_view field);
// user, assistant … for what the data calls a role; empty where it is not known.
std::string role_of(const Names& names, std::string_view role);
// The headings of alpaca, up to and with the line's end before the answer.
std::string alpaca_prompt(std::string_view instruction, std::string_view input, std::string_view system = {});

namespace kinds {
void messages(const RecordView&, std::vector<Content>&);
void sharegpt(const RecordView&, std::vector<Content>&);
void oasst(const RecordView&, std::vector<Content>&);
void alpaca(const RecordView&, std::vector<Content>&);
void completion(const RecordView&, std::vector<Content>&);
void text(const RecordView&, std::vector<Content>&);
void tokens(const RecordView&, std::vector<Content>&);
void preference(const RecordView&, std::vector<Content>&);
}  // namespace kinds

}  // namespace hone::data
