// Every input of every corpus, in every build: hand-made seeds, inputs that the fuzzer found new places with, and those
// that once were findings (their names say which).
#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/host/file.h"
#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

fs::path corpora() { return source_folder() / "tests/fuzz/corpus"; }

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& [name, body] : fuzz_targets()) all.push_back(name);
  return all;
}

class Corpus : public testing::TestWithParam<std::string> {};

TEST_P(Corpus, IsHandled) {
  const fs::path folder = corpora() / GetParam();
  ASSERT_TRUE(fs::is_directory(folder)) << "a target without a corpus: " << folder;
  int inputs = 0, taken = 0;
  for (const fs::path& path : entries_of(folder)) {
    SCOPED_TRACE(path.string());
    ++inputs;
    try {
      taken += fuzz_targets().at(GetParam())(read_text(path));
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }
  // A corpus that a change of the format has made worthless shows here: nothing of it is read to its end.
  EXPECT_GT(taken, 0) << "of " << inputs << " inputs none is accepted";
  EXPECT_LT(taken, inputs) << "of " << inputs << " inputs none is refused";
}

INSTANTIATE_TEST_SUITE_P(Targets, Corpus, testing::ValuesIn(names()), [](const auto& info) { return info.param; });

TEST(Corpora, BelongToATarget) {
  EXPECT_FALSE(fuzz_targets().empty());
  uintmax_t bytes = 0;
  for (const fs::path& folder : entries_of(corpora())) {
    EXPECT_TRUE(fuzz_targets().contains(folder.filename().string())) << folder;
    for (const fs::path& path : entries_of(folder)) bytes += fs::file_size(path);
  }
  EXPECT_LT(bytes, 500'000u) << "corpora are to stay small: tools/fuzz --merge keeps what adds something";
}

}  // namespace
}  // namespace hone::test
