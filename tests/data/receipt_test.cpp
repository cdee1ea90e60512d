#include "data/receipt.h"

#include <gtest/gtest.h>

#include "kernels/host/error.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

class ReceiptTest : public testing::Test {
 protected:
  Dataset read(const std::vector<std::string>& texts, int64_t max_length = 0) {
    DatasetOptions options;
    options.max_length = max_length;
    for (size_t i = 0; i < texts.size(); ++i)
      options.files.push_back({folder_.write(std::string(1, char('a' + i)) + ".jsonl", texts[i]), RowKind::tokens});
    ThreadPool pool(1);
    return Dataset::read(options, nullptr, pool);
  }
  test::TemporaryFolder folder_;
};

const std::string kText =
    "{\"input_ids\": [1, 2, 3], \"labels\": [-100, -100, 3]}\n"
    "{\"input_ids\": [1, 2, 3, 4, 5]}\n"
    "{\"input_ids\": [7, 8]}\n"
    "{\"input_ids\": [1, 2, 3]}\n"
    "{\"input_ids\": [7, 8], \"labels\": [-100, -100]}\n";

TEST_F(ReceiptTest, CountsByHand) {
  const Dataset train = read({kText}, 4);
  const Dataset evaluation = read({"{\"input_ids\": [7, 8]}\n{\"input_ids\": [7, 9]}\n"});
  const Batches batches(train.rows(), {.max_length = 4});
  const Receipt receipt(train, &evaluation, batches.packed());
  EXPECT_EQ(receipt.text(),
            "rows     5 read   3 used   1 too long (dropped: line 2)   1 without a learned token (dropped: line 5)\n"
            "tokens   8   learned 4   read only 4   truncated 0   too long 5\n"
            "evaluate 2 rows   4 tokens   2 predicted\n"
            "packing  3 rows of 4, padding 33.3 %\n"
            "looks    ok   1 exact duplicate   1 rows shared by train and evaluation\n");
  const OrderedJson json = receipt.json();
  EXPECT_EQ(json["rows"].dump(),
            "{\"read\":5,\"used\":3,\"held_out\":0,\"bad\":{\"count\":0,\"first\":[]},\"too_long\":{\"count\":1,"
            "\"first\":[{\"file\":0,\"line\":2}]},"
            "\"unlearned\":{\"count\":1,\"first\":[{\"file\":0,\"line\":5}]},\"cut\":0,\"cut_first\":[],"
            "\"truncated\":{\"count\":0,\"first\":[]},\"left_out\":0,\"repeated\":0,\"preference_pairs\":0,"
            "\"duplicates\":1}");
  EXPECT_EQ(json["tokens"].dump(), "{\"all\":8,\"learned\":4,\"read_only\":4,\"truncated\":0,\"too_long\":5}");
  EXPECT_EQ(json["evaluation"].dump(), "{\"rows\":2,\"tokens\":4,\"learned\":2,\"shared_with_train\":1}");
  EXPECT_EQ(json["packing"]["rows"], 3);
  EXPECT_NO_THROW(receipt.require_learned());
}

TEST_F(ReceiptTest, NamesFilesAndShortensLines) {
  std::string text;
  for (int i = 0; i < 7; ++i) text += "{\"input_ids\": [1]}\n";
  const Receipt one(read({text + kText}), nullptr, {});
  EXPECT_NE(one.text().find("8 without a learned token (dropped: lines 1, 2, 3, 4, 5, …)"), std::string::npos)
      << one.text();
  const Receipt two(read({kText, kText}), nullptr, {});
  EXPECT_NE(two.text().find("2 without a learned token (dropped: a.jsonl:5, b.jsonl:5)"), std::string::npos)
      << two.text();
}

TEST_F(ReceiptTest, NothingLearnedRefusesToStart) {
  const Dataset train =
      read({"{\"input_ids\": [1, 2, 3]}\n{\"input_ids\": [1]}\n{\"input_ids\": [1, 2], \"labels\": [1, -100]}\n"}, 2);
  EXPECT_TRUE(train.rows().empty());
  try {
    Receipt(train, nullptr, {}).require_learned();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input);
    EXPECT_EQ(
        std::string(error.what()),
        "nothing to learn: 3 rows read, 1 longer than data.max_length (line 1), 2 without a learned token (lines 2, 3)."
        " Check data.train_on, data.max_length and the type of each file");
  }
}

TEST_F(ReceiptTest, LargeCountsAndLostEnds) {
  Dataset none;
  Receipt receipt(none, nullptr, {});
  receipt.reading.read = 18402, receipt.used = 18371, receipt.tokens = 6'120'000, receipt.learned = 2'337'999;
  receipt.answers = 20, receipt.ends = 20;
  EXPECT_EQ(receipt.text(),
            "rows     18,402 read   18,371 used\n"
            "tokens   6.12 M   learned 2.33 M   read only 3.78 M   truncated 0\n"
            "looks    ok: end tokens learned in every answer   0 exact duplicates\n");
  receipt.ends = 18;
  EXPECT_NE(receipt.text().find("look here: 2 of 20 answers without a learned end token"), std::string::npos);
}

}  // namespace
}  // namespace hone::data
