// A row of training data, as tokens: what every reader of this folder produces and what batches are made of.
//   Row row{.number = 0, .tokens = {1, 41, 42, 2}, .labels = {-100, -100, 42, 2}};
//   row.learned();   // 2
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace hone::data {

inline constexpr int32_t kNotLearned = -100;  // the label of a position where nothing is learned (transformers' value)

// What records are like: data/rows/kinds says how each is read.
enum class RowKind {
  messages,    // {"messages": [{"role", "content"}, …]}, or as sharegpt
  sharegpt,    // {"conversations": [{"from", "value"}, …]}
  oasst,       // {"prompt": {"text", "role", "replies": […]}}: each path of the tree is a row
  alpaca,      // {"instruction", "input" (may be absent or empty), "output"}
  completion,  // {"prompt", "completion"}, or {"question", "answer"}: the question is followed by a line's end
  text,        // {"text"}, or a whole .txt file
  tokens,      // {"input_ids", "labels" (where absent, all is learned)}
  preference   // {"prompt", "chosen", "rejected"}
};
enum class TrainOn {
  answers,  // every answer with its end token
  all,      // every token
  last      // the last answer of a conversation
};

struct Row {
  int64_t number = 0;   // 0-based among the rows of its file
  int64_t line = 0;     // 1-based line where it begins
  int32_t file = 0;     // index into DatasetOptions::files
  int32_t piece = 0;    // 0, 1, … where a row longer than max_length was split
  int32_t copy = 0;     // 0, 1, … where its file counts several times
  int32_t answers = 0;  // answers that are learned; of those, how many have their end token learned
  int32_t ends = 0;
  uint64_t content = 0;  // hash of the whole row's tokens; pieces of one row share it
  uint64_t key = 0;      // rows that share it fall on the same side of an evaluation split; not kept in shards
  std::vector<int32_t> tokens{};
  std::vector<int32_t>
      labels{};  // as long as tokens; the token to learn at this place, or kNotLearned; not shifted; never at 0
  int64_t learned() const;  // labels that are learned
};

// 64 bits of the xxh3 hash of the tokens.
uint64_t content_hash(const std::vector<int32_t>& tokens);

}  // namespace hone::data
