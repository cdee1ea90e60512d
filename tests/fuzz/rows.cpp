// Training data: the same bytes as rows of every kind, as lines, a list or a text file.
#include "data/dataset.h"
#include "data/receipt.h"
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

bool rows(std::string_view bytes) {
  static const TemporaryFolder folder;
  static ThreadPool pool(1);
  const fs::path lines = folder.write("rows.jsonl", std::string(bytes)),
                 text = folder.write("rows.txt", std::string(bytes));
  bool any = false;
  const auto read = [&](DatasetOptions options) {
    any |= accepted([&] {
      const Dataset data = Dataset::read(options, &tokenizer(), pool);
      for (const Row& row : data.rows()) {
        check(row.tokens.size() == row.labels.size() && !row.tokens.empty(), "a label a token");
        check(options.max_length == 0 || int64_t(row.tokens.size()) <= options.max_length, "max_length");
        check(row.labels[0] == kNotLearned, "nothing stands before the first token");
        check(row.learned() > 0, "something to learn");
        for (const int32_t token : row.tokens) check(token >= 0 && token < options.vocabulary, "vocabulary");
        for (const int32_t label : row.labels)
          check(label == kNotLearned || (label >= 0 && label < options.vocabulary), "labels");
      }
      const auto [train, evaluation] = data.split_by_hash(0.5);
      check(train.rows().size() + evaluation.rows().size() == data.rows().size(), "split");
      Receipt(train, &evaluation, {}, true).json().dump();
    });
  };
  for (const RowKind kind : {RowKind::messages, RowKind::alpaca, RowKind::completion, RowKind::text, RowKind::tokens})
    read({.files = {{lines, kind}}, .max_length = 64, .vocabulary = 102});
  read({.files = {{lines, RowKind::messages}},
        .train_on = TrainOn::last,
        .layout = LayoutKind::plain,
        .vocabulary = 102});
  read({.files = {{text, RowKind::text}}, .max_length = 8, .vocabulary = 102});
  return any;
}

const FuzzTarget target("rows", rows);

}  // namespace
}  // namespace hone::test
