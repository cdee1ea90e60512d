// What weights, splits and lengths promise: each property on generated rows, none on hone's own earlier output.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "data/dataset.h"
#include "data/receipt.h"
#include "tests/support/environment.h"
#include "tests/support/letters.h"

namespace hone::data {
namespace {

class Mixing : public testing::Test {
 protected:
  Mixing() : letters_((test::write_letters_tokenizer(folder_, "model"), Tokenizer::load(folder_ / "model"))) {}
  Dataset read(DatasetOptions options) {
    options.layout = LayoutKind::plain;
    ThreadPool pool(2);
    return Dataset::read(options, &letters_, pool);
  }
  DataFile file(const std::string& name, const std::string& text, RowKind kind, double weight = 1) {
    return {.path = folder_.write(name, text), .kind = kind, .weight = weight};
  }
  static std::string completions(int first, int last) {
    std::string text;
    for (int i = first; i < last; ++i)
      text += "{\"prompt\": \"p" + std::to_string(i) + "\", \"completion\": \"c" + std::to_string(i) + "\"}\n";
    return text;
  }
  // How often each row's tokens are there.
  static std::map<std::vector<int32_t>, int> counts(const std::vector<Row>& rows) {
    std::map<std::vector<int32_t>, int> counts;
    for (const Row& row : rows) ++counts[row.tokens];
    return counts;
  }
  test::TemporaryFolder folder_;
  Tokenizer letters_;
};

TEST_F(Mixing, AWeightTakesAFixedShare) {
  const Dataset half = read({.files = {file("a", completions(0, 4000), RowKind::completion, 0.5)}});
  EXPECT_NEAR(double(half.rows().size()), 2000, 160);  // five standard deviations
  EXPECT_EQ(half.reading().left_out, 4000 - int64_t(half.rows().size()));
  // The same rows whatever stands beside them, and in another order.
  const Dataset mixed = read({.files = {file("b", completions(4000, 5000), RowKind::completion),
                                        file("c", completions(2000, 4000), RowKind::completion, 0.5),
                                        file("d", completions(0, 2000), RowKind::completion, 0.5)}});
  const auto all = counts(mixed.rows());
  for (const Row& row : half.rows()) EXPECT_EQ(all.count(row.tokens), 1u);
  EXPECT_EQ(mixed.rows().size(), 1000 + half.rows().size());
  // A larger share holds the smaller one.
  const auto more = counts(read({.files = {file("a", completions(0, 4000), RowKind::completion, 0.7)}}).rows());
  for (const Row& row : half.rows()) EXPECT_EQ(more.count(row.tokens), 1u);
}

TEST_F(Mixing, AWeightRepeats) {
  const Dataset data = read({.files = {file("a", completions(0, 2000), RowKind::completion, 2.25),
                                       file("b", completions(5000, 5100), RowKind::completion)}});
  std::map<int, int> times;
  for (const auto& [tokens, count] : counts(data.rows())) ++times[count];
  EXPECT_EQ(times[1], 100);
  EXPECT_NEAR(times[3], 500, 100);
  EXPECT_EQ(times[2] + times[3], 2000);
  const Receipt receipt(data, nullptr, {});
  EXPECT_EQ(receipt.used, 2100);
  EXPECT_EQ(receipt.repeated, 2000 + times[3]);
  EXPECT_EQ(receipt.duplicates, 0);
  EXPECT_NE(receipt.text().find(joined(2, ",", receipt.repeated - 2000, " repeated by weight")), std::string::npos)
      << receipt.text();
}

// Weights and the evaluation split draw independently, and what is held out is there once.
TEST_F(Mixing, WeightsAndSplitsAreIndependent) {
  const auto [train, held_out] =
      read({.files = {file("a", completions(0, 8000), RowKind::completion, 1.5)}}).split_by_hash(0.25);
  for (const auto& [tokens, count] : counts(held_out.rows())) EXPECT_EQ(count, 1);
  EXPECT_NEAR(double(held_out.rows().size()), 2000, 200);
  const auto trained = counts(train.rows());
  EXPECT_EQ(trained.size() + held_out.rows().size(), 8000u);
  EXPECT_NEAR(double(train.rows().size()), 9000, 250);
  for (const Row& row : held_out.rows()) EXPECT_EQ(trained.count(row.tokens), 0u);
}

TEST_F(Mixing, ASplitNeverPartsWhatBelongsTogether) {
  std::string answers, other, chats, trees, texts;
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i), user = R"({"role": "user", "content": "p)" + n + "\"}";
    answers += R"({"prompt": "p)" + n + R"(", "completion": "one"})" + "\n" + R"({"prompt": "p)" + n +
               R"(", "completion": "two"})" + "\n";
    other += R"({"prompt": "p)" + n + R"(", "completion": "three"})" + "\n";
    const std::string begun = R"({"messages": [)" + user + R"(, {"role": "assistant", "content": "a"})";
    chats += begun + "]}\n" + begun + R"(, {"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]})" +
             "\n";
    trees += R"({"prompt": {"role": "prompter", "text": "p)" + n +
             R"(", "replies": [{"role": "assistant", "text": "a"}, {"role": "assistant", "text": "b", "replies": [)" +
             R"({"role": "prompter", "text": "q", "replies": [{"role": "assistant", "text": "c"}]}]}]}})" + "\n";
    texts += R"({"text": ")" + std::string(30, char('a' + i % 26)) + n + "\"}\n";
  }
  const DataFile prompts = file("a", answers, RowKind::completion), more = file("b", other, RowKind::completion);
  const auto sides = [&](DatasetOptions options, size_t skip) {  // of each row, by the prompt's number
    const Dataset all = read(options);
    std::map<std::string, std::set<bool>> sides;
    for (const Row& row : all.rows()) {
      std::string prompt;
      for (const int32_t token : row.tokens) prompt += letters_.token(token);
      sides[prompt.substr(skip, prompt.find_first_not_of("0123456789", skip + 1) - skip)].insert(is_held_out(row, 0.5));
    }
    return sides;
  };
  const auto expect_together = [&](const std::map<std::string, std::set<bool>>& of, size_t count) {
    EXPECT_EQ(of.size(), count);
    size_t held = 0;
    for (const auto& [prompt, both] : of) EXPECT_EQ(both.size(), 1u) << prompt;
    for (const auto& [prompt, both] : of) held += both.contains(true);
    EXPECT_NEAR(double(held), double(count) / 2, 45);
  };
  expect_together(sides({.files = {prompts, more}}, 0), 300);
  const size_t heading = std::string("User:\n").size();
  const auto talks = sides({.files = {file("c", chats, RowKind::messages)}}, heading);
  expect_together(talks, 300);
  const auto paths = sides({.files = {file("d", trees, RowKind::oasst)}}, heading);
  expect_together(paths, 300);
  EXPECT_EQ(talks, paths);  // the first message decides, in whatever kind of file
  // However a row is cut.
  for (const int64_t length : {0, 7, 16})
    for (const TooLong what : {TooLong::split, TooLong::truncate}) {
      const Dataset all = read({.files = {file("e", texts, RowKind::text)}, .max_length = length, .too_long = what});
      std::map<int64_t, std::set<bool>> by_row;
      for (const Row& row : all.rows()) by_row[row.number].insert(is_held_out(row, 0.5));
      static std::map<int64_t, std::set<bool>> first;
      if (first.empty()) first = by_row;
      EXPECT_EQ(by_row, first);
      EXPECT_EQ(by_row.size(), 300u);
    }
}

TEST_F(Mixing, RowsThatAreTooLong) {
  // p, q, abcdef, end: 9 tokens, of which abcdef and the end are learned.
  const DataFile one = file("a", R"({"prompt": "pq", "completion": "abcdef"})", RowKind::completion);
  const auto pieces = [&](int64_t length, TooLong what) {
    const Dataset data = read({.files = {one}, .max_length = length, .too_long = what});
    std::string text;
    for (const Row& row : data.rows()) {
      for (size_t i = 0; i < row.tokens.size(); ++i) {
        const std::string token = row.tokens[i] == 2 ? "$" : letters_.token(row.tokens[i]);
        text += row.labels[i] == kNotLearned ? token : "+" + token;
      }
      text += joined(" ", row.answers, row.ends, "|");
    }
    const Reading& r = data.reading();
    return text + joined(" long ", r.too_long.count, " ", r.dropped, " cut ", r.cut.count, " short ", r.shortened.count,
                         " lost ", r.truncated, " unlearned ", r.unlearned.count);
  };
  const std::string fits = "pq+a+b+c+d+e+f+$ 11| long 0 0 cut 0 short 0 lost 0 unlearned 0";
  for (const TooLong what : {TooLong::automatic, TooLong::drop, TooLong::split, TooLong::truncate})
    EXPECT_EQ(pieces(9, what), fits);
  for (const TooLong what : {TooLong::automatic, TooLong::drop})
    EXPECT_EQ(pieces(8, what), " long 1 9 cut 0 short 0 lost 0 unlearned 0");
  EXPECT_EQ(pieces(8, TooLong::split), "pq+a+b+c+d+e+f 10| long 0 0 cut 1 short 0 lost 1 unlearned 0");
  EXPECT_EQ(pieces(5, TooLong::split), "pq+a+b+c 10|d+e+f+$ 01| long 0 0 cut 1 short 0 lost 0 unlearned 0");
  EXPECT_EQ(pieces(2, TooLong::split), "a+b 10|c+d 00|e+f 00| long 0 0 cut 1 short 0 lost 3 unlearned 0");
  EXPECT_EQ(pieces(5, TooLong::truncate), "pq+a+b+c 10| long 0 0 cut 0 short 1 lost 4 unlearned 0");
  EXPECT_EQ(pieces(2, TooLong::truncate), " long 0 9 cut 0 short 0 lost 0 unlearned 1");
  const Dataset kept = read({.files = {one}, .max_length = 5, .too_long = TooLong::truncate, .keep_all = true});
  EXPECT_EQ(kept.rows().at(0).tokens.size(), 9u);  // evaluation reads all of it
}

TEST_F(Mixing, TextsMayEndWithoutAnEndToken) {
  DataFile open = file("a", "{\"text\": \"abc\"}\n", RowKind::text);
  EXPECT_EQ(read({.files = {open}}).rows().at(0).tokens.size(), 4u);
  open.append_end = false;
  EXPECT_EQ(read({.files = {open}}).rows().at(0).tokens.size(), 3u);
}

TEST_F(Mixing, EvaluationCountsWhatTrainingHasToo) {
  const Dataset train = read({.files = {file("a", completions(0, 20), RowKind::completion, 2)}});
  const Dataset evaluation = read({.files = {file("b", completions(15, 30), RowKind::completion)}, .keep_all = true});
  EXPECT_EQ(Receipt(train, &evaluation, {}).evaluation->shared, 5);
}

TEST_F(Mixing, PreferencePairsAreCountedAndGiveNoRows) {
  const Dataset data = read({.files = {file("a",
                                            R"({"prompt": "p", "chosen": "c", "rejected": "r"}
{"prompt": "p", "chosen": "c", "rejected": "c"}
{"prompt": "p", "chosen": "", "rejected": "r"}
{"prompt": "p", "chosen": "c", "rejected": "rrrrrr"}
)",
                                            RowKind::preference)},
                             .max_length = 5});
  EXPECT_TRUE(data.rows().empty());
  EXPECT_EQ(data.reading().read, 4);
  EXPECT_EQ(data.reading().pairs, 1);
  EXPECT_EQ(data.reading().unlearned.count, 2);
  EXPECT_EQ(data.reading().too_long.first.at(0).line, 4);
}

}  // namespace
}  // namespace hone::data
