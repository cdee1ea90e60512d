// Rows of type tokens, and what every JSON kind of file has in common.
#include <gtest/gtest.h>

#include <set>

#include "data/dataset.h"
#include "data/receipt.h"
#include "kernels/host/error.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

class Tokens : public testing::Test {
 protected:
  Dataset read(const std::string& text, const DatasetOptions& given = {}, const std::string& name = "rows.jsonl",
               int threads = 2) {
    DatasetOptions options = given;
    options.files = {{folder_.write(name, text), RowKind::tokens}};
    ThreadPool pool(threads);
    return Dataset::read(options, nullptr, pool);
  }
  // The error's text without the folder.
  std::string refused(const std::string& text, const DatasetOptions& options = {.vocabulary = 100},
                      const std::string& name = "rows.jsonl") {
    try {
      read(text, options, name);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      std::string message = error.what();
      const std::string place = folder_.path().string() + "/";
      for (size_t at; (at = message.find(place)) != std::string::npos;) message.erase(at, place.size());
      return message;
    }
    return "not refused";
  }
  test::TemporaryFolder folder_;
};

TEST_F(Tokens, AreReadAsTheyAre) {
  const Dataset data = read(
      "{\"input_ids\": [1, 5, 6, 2], \"labels\": [-100, -100, 6, 2]}\r\n"
      "\n"
      "{\"id\": \"x\", \"input_ids\": [7, 8, 9], \"attention_mask\": [1, 1, 1]}\n"
      "{\"input_ids\": [3, 4], \"labels\": [3, 4]}");
  ASSERT_EQ(data.rows().size(), 3u);
  EXPECT_EQ(data.rows()[0].tokens, (std::vector<int32_t>{1, 5, 6, 2}));
  EXPECT_EQ(data.rows()[0].labels, (std::vector<int32_t>{-100, -100, 6, 2}));
  EXPECT_EQ(data.rows()[1].labels, (std::vector<int32_t>{-100, 8, 9}));
  EXPECT_EQ(data.rows()[2].labels, (std::vector<int32_t>{-100, 4}));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(data.rows()[i].number, int64_t(i));
  EXPECT_EQ(data.rows()[0].line, 1);
  EXPECT_EQ(data.rows()[1].line, 3);
  EXPECT_EQ(data.rows()[2].line, 4);
}

TEST_F(Tokens, MayBeAJsonList) {
  const Dataset data =
      read("\n[\n  {\"input_ids\": [1, 2]},\n  {\"input_ids\":\n [3, 4], \"note\": \"}],[{\\\"\"}\n]\n");
  ASSERT_EQ(data.rows().size(), 2u);
  EXPECT_EQ(data.rows()[0].line, 3);
  EXPECT_EQ(data.rows()[1].line, 4);
  EXPECT_EQ(data.rows()[1].tokens, (std::vector<int32_t>{3, 4}));
}

TEST_F(Tokens, DropsAndCounts) {
  const std::string text =
      "{\"input_ids\": [1, 2, 3]}\n{\"input_ids\": [1, 2, 3, 4]}\n{\"input_ids\": [1, 2], \"labels\": [1, -100]}\n"
      "{\"input_ids\": []}\n{\"input_ids\": [9]}\n{\"input_ids\": [5, 6]}\n";
  const Dataset data = read(text, {.max_length = 3});
  ASSERT_EQ(data.rows().size(), 2u);
  EXPECT_EQ(data.rows()[1].number, 5);
  EXPECT_EQ(data.reading().read, 6);
  EXPECT_EQ(data.reading().too_long.count, 1);
  EXPECT_EQ(data.reading().too_long.first[0].line, 2);
  EXPECT_EQ(data.reading().unlearned.count, 3);
  EXPECT_EQ(read(text, {.keep_all = true}).rows().size(), 5u);  // all but the empty one
}

TEST_F(Tokens, RefusesWhatIsWrong) {
  const auto one = [](const std::string& problem) {
    return "1 problem in the data, nothing was started:\n  rows.jsonl" + problem;
  };
  const std::string good = "{\"input_ids\": [1, 2]}\n";
  EXPECT_EQ(refused(""), one(": holds no rows"));
  EXPECT_EQ(refused("\n \r\n"), one(": holds no rows"));
  EXPECT_EQ(refused(good + "{\"input_ids\": [1, 2]\n"), one(":2: not valid JSON, at byte 21"));
  EXPECT_EQ(refused(good + "[1, 2]\n"), one(":2: expected an object, got a list"));
  EXPECT_EQ(refused("\xEF\xBB\xBF" + good), one(":1: begins with a byte-order mark; save it as UTF-8 without one"));
  EXPECT_EQ(refused(good + std::string("{\"input_ids\": [1, 2]\0}\n", 23)), one(":2: contains a NUL byte"));
  EXPECT_EQ(refused(good + good + "{\"text\": \"secret\"}\n"),
            one(":3: input_ids is missing; expected {\"input_ids\": [1, 2, …], \"labels\": [-100, 2, …]}; the record "
                "has text"));
  EXPECT_EQ(refused("{\"input_ids\": \"secret\"}"), one(":1: input_ids: expected a list, got a text"));
  EXPECT_EQ(refused("{\"input_ids\": [1, 2], \"input_ids\": [1]}"), one(":1: a key occurs twice in one object"));
  for (const char* id :
       {"-1", "-100", "1.0", "\"secret\"", "null", "4294967297", "18446744073709551615", "1e400", "[1]"})
    EXPECT_NE(refused(joined("{\"input_ids\": [1, ", id, "]}")), "not refused") << id;
  EXPECT_EQ(refused("{\"input_ids\": [1, -1]}"), one(":1: input_ids[1]: expected a token's id"));
  EXPECT_EQ(refused("{\"input_ids\": [1, 2], \"labels\": [-100, -1]}"),
            one(":1: labels[1]: expected a token's id or -100"));
  EXPECT_EQ(refused("{\"input_ids\": [1, 2], \"labels\": [2]}"),
            one(":1: input_ids and labels must be equally long, got 2 and 1"));
  EXPECT_EQ(refused("{\"input_ids\": [1, 100]}"), one(":1: token 1 lies outside of the model's vocabulary of 100"));
  EXPECT_EQ(refused("{\"input_ids\": [1, 2], \"labels\": [1, 100]}"),
            one(":1: token 1 lies outside of the model's vocabulary of 100"));
  EXPECT_EQ(refused("{\"input_ids\": [1, 2], \"attention_mask\": [1, 0]}"),
            one(":1: attention_mask: expected as many ones as input_ids; write rows without padding"));
  EXPECT_EQ(refused("{\"input_ids\": [1, 2], \"note\": \"\\ud800\"}"), one(":1: not valid JSON, at byte 38"));
  EXPECT_EQ(refused("{\"input_ids\": [1, 2], \"note\": \"\xC3\x28\"}"), one(":1: not valid JSON, at byte 33"));
  EXPECT_EQ(refused("{\"input_ids\": " + std::string(100, '[')), one(":1: nested deeper than 64 levels"));
}

TEST_F(Tokens, SkipsBrokenRowsAndCountsThemWhereAsked) {
  const std::string good = "{\"input_ids\": [1, 2]}\n", text = good + "{\"input_ids\": [1, 2\n" + good +
                                                               "{\"text\": \"secret\"}\n{\"input_ids\": [100, 1]}\n" +
                                                               std::string("{\"input_ids\": [1]\0}\n", 20) + good;
  const Dataset data = read(text, {.vocabulary = 100, .skip_bad = true});
  ASSERT_EQ(data.rows().size(), 3u);
  EXPECT_EQ(data.rows()[2].line, 7);
  EXPECT_EQ(data.reading().read, 7);
  EXPECT_EQ(data.reading().bad.count, 4);
  EXPECT_EQ(data.reading().bad.first[0].line, 2);
  EXPECT_EQ(data.reading().bad.first[3].line, 6);
  const Receipt receipt(data, nullptr, {});
  EXPECT_NE(receipt.text().find("7 read   3 used   4 broken (dropped: lines 2, 4, 5, 6)"), std::string::npos)
      << receipt.text();
  EXPECT_EQ(receipt.json()["rows"]["bad"]["count"], 4);
  // What is wrong with a whole file is not skipped: the rows after it were not read.
  const DatasetOptions skip{.vocabulary = 100, .skip_bad = true};
  EXPECT_NE(refused("\xEF\xBB\xBF" + good, skip).find("byte-order mark"), std::string::npos);
  EXPECT_NE(refused("[{\"input_ids\": [1, 2]}\n", skip).find("does not end"), std::string::npos);
  EXPECT_NE(refused("\n", skip).find("holds no rows"), std::string::npos);
  // Nothing but broken rows is nothing to learn.
  const Dataset none = read("{}\n{}\n", skip);
  EXPECT_TRUE(none.rows().empty());
  try {
    Receipt(none, nullptr, {}).require_learned();
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("nothing to learn: 2 rows read, 2 broken (lines 1, 2)"), std::string::npos)
        << error.what();
  }
}

TEST_F(Tokens, RefusesBrokenLists) {
  const auto one = [](const std::string& problem) {
    return "1 problem in the data, nothing was started:\n  rows.jsonl" + problem;
  };
  EXPECT_EQ(refused("[]"), one(": holds no rows"));
  EXPECT_EQ(refused("[{\"input_ids\": [1, 2]}"), one(":1: the JSON list does not end; is the file whole?"));
  EXPECT_EQ(refused("[{\"input_ids\": [1, 2]},\n{\"inp"), one(":2: the JSON list does not end; is the file whole?"));
  EXPECT_EQ(refused("[{\"input_ids\": [1, 2]}\n{\"input_ids\": [1, 2]}]"),
            one(":2: not a valid JSON list: expected ',' or ']' between its elements"));
  EXPECT_EQ(refused("[{\"input_ids\": [1, 2]},\n]"),
            one(":2: not a valid JSON list: expected ',' or ']' between its elements"));
  EXPECT_EQ(refused("[{\"input_ids\": [1, 2]}]\n{}"), one(":2: there is text after the end of the list"));
  EXPECT_EQ(refused("[{\"input_ids\": [1, 2]}, }]"), one(":1: not a valid JSON list: a '}' without its '{'"));
  EXPECT_EQ(refused("[1]"), one(":1: expected an object, got a number"));
  EXPECT_EQ(refused("[{\"input_ids\": [1, 2]},\n{\"input_ids\": 3}]"),
            one(":2: input_ids: expected a list, got a number"));
}

TEST_F(Tokens, CountsEveryProblemAndNamesTheFirst) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += i % 2 == 1 ? "{\"input_ids\": [1, 2]}\n" : "secret\n";
  const std::string message = refused(text);
  EXPECT_NE(message.find("2,500 problems in the data, nothing was started:\n  rows.jsonl:1: not valid JSON, at byte 1\n"
                         "  rows.jsonl:3: "),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("rows.jsonl:9: not valid JSON, at byte 1\n  … and 2,495 more"), std::string::npos) << message;
  EXPECT_EQ(message.find("secret"), std::string::npos);
  EXPECT_EQ(message.find("rows.jsonl:11:"), std::string::npos);
}

TEST_F(Tokens, AreTheSameWithAnyThreads) {
  std::string text;
  for (int i = 0; i < 10000; ++i) text += joined("{\"input_ids\": [", i, ", ", i + 1, ", ", i * 7 % 11, "]}\n");
  const Dataset one = read(text, {}, "rows.jsonl", 1), three = read(text, {}, "rows.jsonl", 3);
  ASSERT_EQ(one.rows().size(), 10000u);
  ASSERT_EQ(three.rows().size(), 10000u);
  for (size_t i = 0; i < 10000; ++i) {
    ASSERT_EQ(one.rows()[i].tokens, three.rows()[i].tokens);
    ASSERT_EQ(one.rows()[i].number, three.rows()[i].number);
  }
}

TEST_F(Tokens, SplitsByContentAlone) {
  std::string text, reversed;
  for (int i = 0; i < 5000; ++i) {
    const std::string line = joined("{\"input_ids\": [", i % 4000, ", 1, 2]}\n");
    text += line;
    reversed = line + reversed;
  }
  const auto held_out = [&](const std::string& rows) {
    auto [train, evaluation] = read(rows).split_by_hash(0.1);
    EXPECT_EQ(train.rows().size() + evaluation.rows().size(), 5000u);
    EXPECT_NEAR(double(evaluation.rows().size()), 500, 100);  // 400 and 100 of pairs: standard deviation 22
    std::multiset<int32_t> firsts;
    for (const Row& row : evaluation.rows()) firsts.insert(row.tokens[0]);
    for (const Row& row : train.rows()) EXPECT_EQ(firsts.count(row.tokens[0]), 0u) << "equal rows are apart";
    return firsts;
  };
  EXPECT_EQ(held_out(text), held_out(reversed));
  EXPECT_TRUE(read(text).split_by_hash(0).second.rows().empty());
  EXPECT_THROW(read(text).split_by_hash(1), Error);
}

TEST_F(Tokens, OtherKindsNeedATokenizer) {
  ThreadPool pool(1);
  const DatasetOptions options{.files = {{folder_.write("a.jsonl", "{}"), RowKind::messages}}};
  try {
    Dataset::read(options, nullptr, pool);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input);
  }
}

}  // namespace
}  // namespace hone::data
