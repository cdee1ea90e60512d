// The quickstart's task must need learning: questions nobody has seen, answers nobody can guess, and no score without
// learning.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "kernels/host/json.h"
#include "tests/support/tiny_run.h"
#include "tools/quickstart_data/words.h"

namespace hone::test {
namespace {

using namespace hone::quickstart;

const fs::path kFolder = source_folder() / "recipes/quickstart";
constexpr size_t kBaseLines = 200000;  // as recipes/quickstart/base.yaml says

std::vector<Question> rows_of(const fs::path& file) {
  std::vector<Question> rows;
  std::istringstream lines(contents(file));
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    rows.push_back({row.at("prompt").get<std::string>(), row.at("completion").get<std::string>()});
  }
  return rows;
}
std::string word_in(const std::string& prompt) {
  return prompt.substr(6, prompt.size() - 6 - 11);
}  // "write WORD backwards."

TEST(Quickstart, FilesAreWhatTheProgramWrites) {
  EXPECT_TRUE(rows_of(kFolder / "tuning.jsonl") == questions(Share::tuning, 2000));
  EXPECT_TRUE(rows_of(kFolder / "test.jsonl") == questions(Share::test, 400));
}

TEST(Quickstart, AnswersAreRightAndManyAndCannotBeGuessed) {
  std::map<std::string, int> answers;
  for (const char* file : {"tuning.jsonl", "test.jsonl"})
    for (const Question& question : rows_of(kFolder / file)) {
      std::string word = word_in(question.prompt);
      EXPECT_EQ(question.answer, std::string(word.rbegin(), word.rend()));
      ++answers[question.answer];
    }
  EXPECT_GE(answers.size(), 1000u);
  std::map<std::string, int> tested;
  const std::vector<Question> test = rows_of(kFolder / "test.jsonl");
  for (const Question& question : test) ++tested[question.answer];
  for (const auto& [answer, count] : tested)
    EXPECT_LT(double(count) / double(test.size()), 0.02) << "a constant answer scores";
}

TEST(Quickstart, TestWordsOccurNeitherInTheTuningRowsNorInTheBasesText) {
  std::set<std::string> asked;
  for (const Question& question : rows_of(kFolder / "test.jsonl")) asked.insert(word_in(question.prompt));
  ASSERT_EQ(asked.size(), 400u);
  for (const Question& question : rows_of(kFolder / "tuning.jsonl"))
    EXPECT_FALSE(asked.contains(word_in(question.prompt))) << question.prompt;
  for (size_t i = 0; i < kBaseLines; ++i) {
    const std::string line = base_line(i);  // "r:stone=enots"
    ASSERT_FALSE(asked.contains(line.substr(2, line.find('=') - 2))) << line;
    ASSERT_EQ(line.find("write"), std::string::npos);
  }
  EXPECT_NE(contents(kFolder / "base.yaml").find("quickstart-base.jsonl " + std::to_string(kBaseLines)),
            std::string::npos);
}

TEST(Quickstart, BaseIsSmallEnoughToShip) { EXPECT_LE(fs::file_size(kFolder / "model/model.safetensors"), 4u << 20); }

// Runs the recipe as it stands, from the project's folder, where its paths lead.
class QuickstartSlow : public testing::Test {
 protected:
  void SetUp() override { fs::current_path(source_folder()); }
  double exact_match(const std::vector<std::string>& more) {
    std::vector<std::string> words{"eval", "recipes/quickstart.yaml", "--answers", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = run_hone(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return Json::parse(outcome.out).at("exact_match").get<double>();
  }
  int train(const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> words{"train", "recipes/quickstart.yaml", "--set",
                                   "output.dir=" + (folder_ / name).string()};
    words.insert(words.end(), more.begin(), more.end());
    return run_hone(words).exit_code;
  }
  TemporaryFolder folder_;
};

TEST_F(QuickstartSlow, ScoreRisesFromUnder10ToOver80Percent) {
  EXPECT_LT(exact_match({}), 0.10);
  ASSERT_EQ(train("run", {}), 0);
  EXPECT_GT(exact_match({"--adapter", (folder_ / "run/adapter").string()}), 0.80);
}

TEST_F(QuickstartSlow, ALearningRateOfZeroLeavesTheScoreWhereItWas) {
  const double before = exact_match({});
  ASSERT_EQ(train("still", {"--set", "training.learning_rate=0", "--set", "training.max_steps=5"}), 0);
  EXPECT_EQ(exact_match({"--adapter", (folder_ / "still/adapter").string()}), before);
}

}  // namespace
}  // namespace hone::test
