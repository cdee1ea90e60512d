#include "data/rows/kinds/kinds.h"

#include <algorithm>

#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr int kDepth = 64;       // of a record
constexpr int kTreeDepth = 512;  // a message of a tree is two levels

constexpr std::string_view kTurns = R"({"messages": [{"role": …, "content": …}, …]})";
constexpr std::array kKinds{
    Kind{RowKind::messages, "messages", Form::chat, kTurns, "messages conversations role content from value tools",
         kDepth, kinds::messages},
    Kind{RowKind::sharegpt, "sharegpt", Form::chat, R"({"conversations": [{"from": …, "value": …}, …]})",
         "conversations from value system tools", kDepth, kinds::sharegpt},
    Kind{RowKind::oasst, "oasst", Form::chat, R"({"prompt": {"text": …, "role": …, "replies": [{"text": …}, …]}})",
         "prompt text role replies", kTreeDepth, kinds::oasst},
    Kind{RowKind::alpaca, "alpaca", Form::answered, R"({"instruction": …, "input": …, "output": …})",
         "instruction input output system history", kDepth, kinds::alpaca},
    Kind{RowKind::completion, "completion", Form::answered,
         R"({"prompt": …, "completion": …} or {"question": …, "answer": …})",
         "prompt completion question answer role content", kDepth, kinds::completion},
    Kind{RowKind::text, "text", Form::text, R"({"text": …})", "text", kDepth, kinds::text},
    Kind{RowKind::tokens, "tokens", Form::tokens, R"({"input_ids": [1, 2, …], "labels": [-100, 2, …]})",
         "input_ids labels attention_mask", kDepth, kinds::tokens},
    Kind{RowKind::preference, "preference", Form::pair, R"({"prompt": …, "chosen": …, "rejected": …})",
         "prompt question instruction input chosen rejected role content", kDepth, kinds::preference},
};

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}
}  // namespace

const Kind& kind(RowKind wanted) {
  const auto found = std::ranges::find(kKinds, wanted, &Kind::kind);
  require(found != kKinds.end(), "a kind of rows without a reader");
  return *found;
}

const Kind& kind_named(std::string_view name) {
  const auto found = std::ranges::find(kKinds, name, &Kind::name);
  require(found != kKinds.end(), ExitCode::usage, "no kind of rows is called ", name);
  return *found;
}

RowReader::RowReader(RowKind wanted, Names names) : kind_(&data::kind(wanted)), names_(std::move(names)) {
  const std::vector<std::string> fields = words_of(kind_->fields);
  for (const auto& [field, name] : names_.fields) {
    if (std::ranges::find(fields, field) != fields.end()) continue;
    const auto near = nearest(field, fields);
    std::string all;
    for (const std::string& known : fields) all += (all.empty() ? "" : ", ") + known;
    fail(ExitCode::usage, "data.train[].fields: rows of type ", kind_->name, " have no field ", field.substr(0, 60),
         near ? "; did you mean " + *near + "?" : "; theirs are: " + all);
  }
}

std::vector<Content> RowReader::read(const OrderedJson& record) const {
  std::vector<Content> said;
  kind_->read(RecordView(record, names_, kind_->schema), said);
  return said;
}

std::vector<Content> RowReader::parse(std::string_view json) const {
  return read(parse_ordered_json(json, "row", {.bytes = size_t(64) << 20, .depth = kind_->depth}));
}

}  // namespace hone::data
