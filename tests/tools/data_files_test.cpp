// Data files through the program: patterns, compressed files, weights, pairs that cannot be trained yet.
#include <gtest/gtest.h>

#include "kernels/host/file.h"
#include "kernels/host/json.h"
#include "tests/support/letters.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

class DataFilesTest : public testing::Test {
 protected:
  DataFilesTest() {
    write_letters_tokenizer(tiny.folder(), "model");
    Json config = read_json(tiny / "model/config.json");
    config["vocab_size"] = kLetters;
    tiny.folder().write("model/config.json", config.dump());
  }
  Outcome hone(const std::string& verb, const std::string& train) {
    return run_hone({verb, (tiny / "recipe.yaml").string(), "--set", "data.train=" + train, "--set",
                     "data.chat_layout=plain", "--set", "data.max_length=400"});
  }
  std::string rows(int first, int last) {
    std::string text;
    for (int i = first; i < last; ++i) text += "{\"prompt\": \"p" + std::to_string(i) + "\", \"completion\": \"c\"}\n";
    return text;
  }
  TinyRun tiny;
};

TEST_F(DataFilesTest, PatternsListsAndWeights) {
  tiny.folder().write("d/a.jsonl", rows(0, 10)), tiny.folder().write("d/e/b.jsonl", rows(10, 30));
  const std::string pattern = (tiny / "d/**/*.jsonl").string(), other = tiny.folder().write("c.jsonl", rows(30, 35));
  const Outcome outcome =
      hone("prepare", "[{path: [\"" + pattern + "\", " + other + "], type: completion, weight: 2}]");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("35 read   35 used   35 repeated by weight"), std::string::npos) << outcome.out;
}

TEST_F(DataFilesTest, CompressedMessages) {
  const Outcome outcome =
      hone("prepare", "[{path: " + golden("data/rows/rows.jsonl.gz").string() + ", type: messages}]");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("150 read   150 used"), std::string::npos) << outcome.out;
}

TEST_F(DataFilesTest, PairsAreCountedAndNotTrained) {
  const std::string file = tiny.folder().write("pairs.jsonl", R"({"prompt": "p", "chosen": "c", "rejected": "r"})"
                                                              "\n");
  const std::string pairs = "{path: " + file + ", type: preference}";
  const Outcome alone = hone("prepare", "[" + pairs + "]");
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_NE(alone.out.find("1 preference pairs (read and checked; not trained on yet)"), std::string::npos)
      << alone.out;
  const Outcome trained = hone("train", "[" + pairs + "]");
  EXPECT_EQ(trained.exit_code, 2);
  EXPECT_NE(trained.err.find("does not train on them yet"), std::string::npos) << trained.err;
  const Outcome again = hone("prepare", "[" + pairs + "]");
  EXPECT_EQ(again.exit_code, 0) << again.err;
}

}  // namespace
}  // namespace hone::test
