// Training data: the same bytes as rows of every kind, as lines, a list or a text file, perhaps compressed.
#include "data/dataset.h"
#include "data/receipt.h"
#include "data/rows/bytes.h"
#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

using namespace data;

// Letters, digits and the tokens of the chat layouts.
const Tokenizer& tokenizer() {
  static const Tokenizer loaded = [] {
    const TemporaryFolder folder;
    Json vocabulary = Json::object(), added = Json::array();
    for (char c = ' '; c < 127; ++c) vocabulary[std::string(1, c)] = c - ' ';
    vocabulary["\n"] = 95, vocabulary["ab"] = 96, vocabulary["<unk>"] = 97;
    int id = 98;
    for (const char* name : {"<s>", "</s>", "<|im_start|>", "<|im_end|>"}) {
      vocabulary[name] = id;
      added.push_back({{"id", id++}, {"content", name}, {"special", true}, {"normalized", false}});
    }
    folder.write("tokenizer.json",
                 Json{{"version", "1.0"},
                      {"added_tokens", added},
                      {"model", {{"type", "BPE"}, {"unk_token", "<unk>"}, {"vocab", vocabulary}, {"merges", {"a b"}}}}}
                     .dump());
    folder.write("tokenizer_config.json", R"({"eos_token": "</s>"})");
    return Tokenizer::load(folder.path());
  }();
  return loaded;
}

constexpr size_t kMost = size_t(1) << 20;

int64_t first_pieces(const std::vector<Row>& rows) {
  int64_t count = 0;
  for (const Row& row : rows) count += row.piece == 0 && row.copy == 0;
  return count;
}

void check_row(const Row& row, const DatasetOptions& options) {
  check(row.tokens.size() == row.labels.size() && !row.tokens.empty(), "a label a token");
  check(options.max_length == 0 || int64_t(row.tokens.size()) <= options.max_length, "max_length");
  check(row.labels[0] == kNotLearned, "nothing stands before the first token");
  check(row.learned() > 0, "something to learn");
  for (const int32_t token : row.tokens) check(token >= 0 && token < options.vocabulary, "vocabulary");
  for (const int32_t label : row.labels)
    check(label == kNotLearned || (label >= 0 && label < options.vocabulary), "labels");
}

// Reading that stops after half of the rows and goes on gives the rest, and counts the same.
void check_resuming(const DatasetOptions& options, const Dataset& data, ThreadPool& pool) {
  const size_t stop = data.rows().size() / 2;
  Reading reading;
  ReadPosition position;
  size_t seen = 0;
  const auto note = [&](Row&&, const Reading& so_far, const ReadPosition& after) {
    if (seen++ == stop) reading = so_far, position = after;
  };
  read_rows(options, &tokenizer(), pool, {.take = note});
  if (seen == 0) return;
  size_t at = stop + 1;
  const auto compare = [&](Row&& row, const Reading&, const ReadPosition&) {
    check(at < seen && row.tokens == data.rows()[at].tokens && row.copy == data.rows()[at].copy, "resumed rows");
    ++at;
  };
  const Reading all = read_rows(options, &tokenizer(), pool, {.take = compare, .from = position, .reading = reading});
  const Reading& once = data.reading();
  check(at == seen && all.read == once.read && all.bad.count == once.bad.count && all.cut.count == once.cut.count &&
            all.too_long.count == once.too_long.count && all.unlearned.count == once.unlearned.count &&
            all.shortened.count == once.shortened.count && all.truncated == once.truncated &&
            all.dropped == once.dropped && all.left_out == once.left_out && all.pairs == once.pairs,
        "resumed counts");
}

bool rows(std::string_view bytes) {
  static const TemporaryFolder folder;
  static ThreadPool pool(1);
  const fs::path lines = folder.write("rows.jsonl", std::string(bytes)),
                 text = folder.write("rows.txt", std::string(bytes));
  bool any = false;
  if (size_t size = 0; accepted([&] {  // few bytes may say many, which takes time and shows nothing new
                         const InputFile file(lines);
                         Bytes all(file);
                         for (std::string_view part; size < kMost && !(part = all.next()).empty();) size += part.size();
                       }) &&
                       size >= kMost)
    return false;
  const auto read = [&](const DatasetOptions& options) {
    any |= accepted([&] {
      const Dataset data = Dataset::read(options, &tokenizer(), pool);
      for (const Row& row : data.rows()) check_row(row, options);
      const auto [train, evaluation] = data.split_by_hash(0.5);
      const int64_t distinct = first_pieces(data.rows());
      check(first_pieces(train.rows()) + first_pieces(evaluation.rows()) == distinct, "split");
      Receipt(train, &evaluation, {}, true).json().dump();
      if (options.files[0].path == text) return;
      const Reading& r = data.reading();
      check(r.read == distinct + r.bad.count + r.too_long.count + r.unlearned.count + r.left_out + r.pairs,
            "every row is counted once");
      check_resuming(options, data, pool);
    });
  };
  constexpr TooLong kPolicies[] = {TooLong::automatic, TooLong::drop, TooLong::split, TooLong::truncate};
  for (int k = 0; k <= int(RowKind::preference); ++k) {
    const DataFile file{.path = lines, .kind = RowKind(k), .weight = k % 2 == 0 ? 1.5 : 1};
    read({.files = {file}, .max_length = 64, .too_long = kPolicies[k % 4], .vocabulary = 102});
    read({.files = {file}, .max_length = 8, .too_long = kPolicies[(k + 2) % 4], .vocabulary = 102, .skip_bad = true});
  }
  const Names names{.fields = {{"messages", "dialog"}, {"role", "a"}, {"content", "b"}}, .roles = {{"x", "assistant"}}};
  read({.files = {{.path = lines, .kind = RowKind::messages, .names = names, .weight = 0.5}},
        .train_on = TrainOn::last,
        .layout = LayoutKind::plain,
        .vocabulary = 102});
  read({.files = {{text, RowKind::text}}, .max_length = 8, .vocabulary = 102});
  return any;
}

const FuzzTarget target("rows", rows);

}  // namespace
}  // namespace hone::test
