// Real trees and pairs: counts by json and Hugging Face's tokenizers (tests/golden/make_rows.py).
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "data/dataset.h"
#include "data/receipt.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

class RealRows : public testing::Test {
 protected:
  static Json counts(const char* what) { return read_json(test::golden("data/rows/counts.json")).at(what); }
  static Dataset read(const std::string& file, RowKind kind, DatasetOptions options = {}) {
    options.files = {{*test::fixtures() / "data" / file, kind}};
    ThreadPool pool(2);
    const Tokenizer qwen = Tokenizer::load(*test::fixtures() / "tokenizers/qwen2.5");
    return Dataset::read(options, &qwen, pool);
  }
};

TEST_F(RealRows, TreesOfOpenAssistant) {
  HONE_NEEDS_FIXTURES();
  const Json expected = counts("oasst");
  const std::string file = "oasst/en_100_tree.jsonl";
  const Dataset data = read(file, RowKind::oasst);
  const Receipt receipt(data, nullptr, {});
  EXPECT_EQ(receipt.reading.read, expected["paths"]);
  EXPECT_EQ(receipt.used, expected["used"]);
  EXPECT_EQ(receipt.tokens, expected["tokens"]);
  EXPECT_EQ(receipt.learned, expected["learned"]);
  EXPECT_EQ(receipt.answers, expected["answers"]);
  EXPECT_EQ(receipt.ends, expected["answers"]);
  std::map<int64_t, std::set<bool>> sides;  // of each tree
  for (const Row& row : data.rows()) sides[row.number].insert(is_held_out(row, 0.3));
  EXPECT_EQ(sides.size(), expected["trees"]);
  for (const auto& [tree, both] : sides) EXPECT_EQ(both.size(), 1u) << tree;

  const Dataset shorter = read(file, RowKind::oasst, {.max_length = 512});
  EXPECT_EQ(shorter.reading().too_long.count, expected["longer_than_512"]);
  EXPECT_EQ(shorter.reading().dropped, expected["tokens_of_those"]);
  for (const TooLong what : {TooLong::split, TooLong::truncate}) {
    const Dataset cut = read(file, RowKind::oasst, {.max_length = 512, .too_long = what});
    int64_t tokens = cut.reading().truncated + cut.reading().dropped;
    for (const Row& row : cut.rows()) tokens += int64_t(row.tokens.size());
    EXPECT_EQ(tokens, expected["tokens"]);
    EXPECT_EQ(cut.reading().cut.count + cut.reading().shortened.count + cut.reading().unlearned.count,
              expected["longer_than_512"]);
  }
}

TEST_F(RealRows, PreferencePairs) {
  HONE_NEEDS_FIXTURES();
  const Json expected = counts("preference");
  const std::string file = "preference/instruction-data-with-preference.json";
  const Reading all = read(file, RowKind::preference).reading();
  EXPECT_EQ(all.read, expected["pairs"]);
  EXPECT_EQ(all.unlearned.count, expected["equal"]);
  EXPECT_EQ(all.pairs, int64_t(expected["pairs"]) - int64_t(expected["equal"]));
  const Reading shorter = read(file, RowKind::preference, {.max_length = 80}).reading();
  EXPECT_EQ(shorter.too_long.count, expected["longer_than_80"]);
  EXPECT_EQ(shorter.unlearned.count, expected["equal_and_short"]);
}

}  // namespace
}  // namespace hone::data
