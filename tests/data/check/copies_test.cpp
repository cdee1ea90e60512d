// Near copies, against an exact comparison of all pairs (tests/golden/make_check.py) and against sets made by hand.
#include "data/check/copies.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "data/check/check.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

TEST(CopiesTest, ShinglesAreTheSetsOfFiveTokens) {
  EXPECT_TRUE(shingles(std::vector<int32_t>{1, 2, 3, 4}).empty());
  EXPECT_EQ(shingles(std::vector<int32_t>{1, 2, 3, 4, 5}).size(), 1u);
  EXPECT_EQ(shingles(std::vector<int32_t>{7, 7, 7, 7, 7, 7, 7}).size(), 1u);
  EXPECT_EQ(shingles_in_order(std::vector<int32_t>{7, 7, 7, 7, 7, 7, 7}).size(), 3u);
  const auto a = shingles(std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, 7}),  // 4 of them
      b = shingles(std::vector<int32_t>{9, 9, 1, 2, 3, 4, 5, 6, 9, 9}),   // 6, two in common
      c = shingles(std::vector<int32_t>{1, 0, 2, 3, 4, 5, 6, 7});         // order counts
  EXPECT_DOUBLE_EQ(jaccard(a, b), 2.0 / 8);
  EXPECT_DOUBLE_EQ(jaccard(a, a), 1);
  EXPECT_DOUBLE_EQ(jaccard(a, c), 2.0 / 6);
  EXPECT_DOUBLE_EQ(jaccard({}, {}), 0);
}

// Two sets of a chosen Jaccard index, from random numbers.
std::pair<std::vector<uint64_t>, std::vector<uint64_t>> alike(std::mt19937_64& random, size_t both, size_t each) {
  std::set<uint64_t> a, b;
  for (size_t i = 0; i < both; ++i) {
    const uint64_t value = random();
    a.insert(value), b.insert(value);
  }
  for (size_t i = 0; i < each; ++i) a.insert(random()), b.insert(random());
  return {{a.begin(), a.end()}, {b.begin(), b.end()}};
}

TEST(CopiesTest, KeysAreEqualAsOftenAsTheoryHasIt) {
  std::mt19937_64 random(17);
  for (const auto& [both, each] : {std::pair{80, 10}, std::pair{60, 20}, std::pair{40, 30}}) {
    const double index = double(both) / double(both + 2 * each);
    int64_t equal = 0;
    constexpr int kPairs = 2000;
    for (int i = 0; i < kPairs; ++i) {
      const auto [a, b] = alike(random, size_t(both), size_t(each));
      ASSERT_DOUBLE_EQ(jaccard(a, b), index);
      const Bands x = bands(a), y = bands(b);
      for (size_t k = 0; k < kBands; ++k) equal += x[k] == y[k];
    }
    // Binomial of 64,000: five standard deviations.
    const double chance = std::pow(index, double(kBandWidth)), count = double(kPairs) * double(kBands);
    EXPECT_NEAR(double(equal), chance * count, 5 * std::sqrt(count * chance * (1 - chance))) << index;
  }
}

TEST(CopiesTest, FindsPairsAndGivesUpBandsForMemory) {
  std::mt19937_64 random(3);
  CopyIndex whole, small(64 << 10);
  std::vector<Candidate> expected;
  for (uint32_t i = 0; i < 2000; i += 2) {
    const auto [a, b] = alike(random, 95, 2);
    for (CopyIndex* index : {&whole, &small}) index->add(bands(a), false), index->add(bands(b), i % 4 == 0);
    expected.push_back({i + 1, i});
  }
  EXPECT_EQ(whole.bands(), 32u);
  EXPECT_EQ(small.bands(), 8u);  // 2,000 rows x 8 x 4 bytes = 64,000
  EXPECT_EQ(whole.candidates([](uint32_t) { return false; }), expected);
  EXPECT_GE(small.candidates([](uint32_t) { return false; }).size(), expected.size() * 995 / 1000);
  EXPECT_TRUE(whole.candidates([](uint32_t row) { return row % 2 == 1; }).empty());
  EXPECT_NEAR(whole.estimate({1, 0}), 95.0 / 99, 0.1);
}

TEST(CopiesTest, ManyAlikeRowsStayFewCandidates) {
  CopyIndex index;
  std::mt19937_64 random(5);
  const auto [a, b] = alike(random, 50, 1);
  for (int i = 0; i < 20000; ++i) index.add(bands(i % 2 == 0 ? a : b), i >= 19000);
  const std::vector<Candidate> pairs = index.candidates([](uint32_t) { return false; });
  EXPECT_LE(pairs.size(), 20000 * CopyIndex::kMostAlike);
  std::set<uint32_t> rows;
  for (const Candidate& pair : pairs) {
    rows.insert(pair.row);
    EXPECT_LT(pair.like, 19000u);  // of training
  }
  EXPECT_GE(rows.size(), 19998u);
}

class GoldenCopies : public testing::Test {
 protected:
  CheckReport check(int64_t threads, double split = 0) const {
    DatasetOptions options{.files = {{test::golden("check") / "rows.jsonl", RowKind::tokens}}, .max_length = 4096};
    ThreadPool pool{int(threads)};
    return check_data({.train = options, .evaluation_split = split, .packing = {.max_length = 4096}}, nullptr, pool);
  }
  const Json expected_ = read_json(test::golden("check") / "expected.json");
};

TEST_F(GoldenCopies, AreThoseOfAnExactComparison) {
  const CheckReport report = check(1);
  std::vector<int64_t> lines;
  for (const Spot& spot : report.findings[Finding::duplicate].spots) lines.push_back(spot.at.line);
  EXPECT_EQ(lines, expected_.at("duplicates").get<std::vector<int64_t>>());

  std::map<int64_t, double> best;  // of each line
  std::map<std::pair<int64_t, int64_t>, double> all;
  for (const Json& pair : expected_.at("pairs")) {
    const int64_t line = pair[0], like = pair[1];
    const double index = pair[2];
    all[{line, like}] = index;
    if (index >= 0.8) best[line] = std::max(best[line], index);
  }
  ASSERT_GE(best.size(), 30u);
  std::map<int64_t, double> got;
  for (const Spot& spot : report.findings[Finding::near_duplicate].spots) {
    got[spot.at.line] = spot.similarity;
    const auto pair = all.find({spot.at.line, spot.like.line});
    ASSERT_NE(pair, all.end()) << spot.at.line << " like " << spot.like.line;
    EXPECT_DOUBLE_EQ(spot.similarity, pair->second);
  }
  EXPECT_EQ(got, best);
  EXPECT_EQ(report.findings[Finding::near_duplicate].rows, int64_t(best.size()));
  EXPECT_EQ(report.estimated, 0);
}

TEST_F(GoldenCopies, AreTheSameWithAnyNumberOfThreads) { EXPECT_EQ(check(1).json().dump(), check(3).json().dump()); }

TEST_F(GoldenCopies, AcrossASplitAreSharedWithEvaluation) {
  const CheckReport whole = check(1), split = check(1, 0.3);
  const auto rows = [](const CheckReport& report, Finding finding) { return report.findings[finding].rows; };
  EXPECT_GT(split.held_out, 60);
  EXPECT_EQ(split.held_out + split.used, whole.used);
  EXPECT_EQ(rows(split, Finding::shared), 0);  // equal rows stay together
  EXPECT_GT(rows(split, Finding::near_shared), 0);
  EXPECT_LT(rows(split, Finding::near_duplicate), rows(whole, Finding::near_duplicate));
  // Every evaluation row that is told has its like in training: never the other way round.
  for (const Spot& spot : split.findings[Finding::near_shared].spots) EXPECT_NE(spot.at.line, spot.like.line);
}

}  // namespace
}  // namespace hone::data
