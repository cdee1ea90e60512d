#include "data/rows/records.h"

#include <gtest/gtest.h>

#include "tests/support/environment.h"

namespace hone::data {
namespace {

struct Seen {
  int64_t number, line;
  std::string text, problem;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> split(const std::string& text, size_t largest = kLargestRecord) {
  const test::TemporaryFolder folder;
  std::vector<Seen> seen;
  read_records(
      InputFile(folder.write("a.json", text)),
      [&](const Record& record) {
        seen.push_back({record.number, record.line, std::string(record.text), std::string(record.problem)});
      },
      largest);
  return seen;
}

TEST(Records, LinesAndLists) {
  EXPECT_EQ(split("{1}\n\n{2}\r\n{3}"), (std::vector<Seen>{{0, 1, "{1}", ""}, {1, 3, "{2}\r", ""}, {2, 4, "{3}", ""}}));
  EXPECT_EQ(split("[{\"a\":\"],\"},\n [1, [2]] , 3,\"x\\\"]\"\n]"),
            (std::vector<Seen>{
                {0, 1, "{\"a\":\"],\"}", ""}, {1, 2, "[1, [2]]", ""}, {2, 2, "3", ""}, {3, 2, "\"x\\\"]\"\n", ""}}));
  EXPECT_TRUE(split("").empty());
  EXPECT_TRUE(split(" [ ] \n").empty());
}

TEST(Records, ALargeOneIsSkippedWithoutHoldingIt) {
  const std::string problem = "larger than 64 MiB, the limit of a row";
  EXPECT_EQ(split("12345\n123456\n1\n", 5),
            (std::vector<Seen>{{0, 1, "12345", ""}, {1, 2, "", problem}, {2, 3, "1", ""}}));
  EXPECT_EQ(split("[\"123\",\"1234\",1]", 5),
            (std::vector<Seen>{{0, 1, "\"123\"", ""}, {1, 1, "", problem}, {2, 1, "1", ""}}));
}

TEST(Records, SayWhetherTheFileEndsThere) {
  const test::TemporaryFolder folder;
  const auto ends = [&](const std::string& text) {
    std::vector<bool> all;
    read_records(
        InputFile(folder.write("a.json", text)), [&](const Record& record) { all.push_back(record.ends); }, 5);
    return all;
  };
  EXPECT_EQ(ends("1\n123456\n2\n"), (std::vector<bool>{false, false, false}));  // a large one does not
  EXPECT_EQ(ends("\xEF\xBB\xBF"
                 "1\n2\n"),
            std::vector<bool>{true});
  EXPECT_EQ(ends("[1,2"), (std::vector<bool>{false, true}));
}

// The same however the file falls into buffers of 1 MiB.
TEST(Records, AcrossBuffers) {
  for (const size_t length : {(size_t(1) << 20) - 2, (size_t(1) << 20) - 1, size_t(1) << 20, (size_t(1) << 20) + 1}) {
    const std::vector<Seen> seen = split(std::string(length, 'x') + "\ny\n");
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].text, std::string(length, 'x'));
    EXPECT_EQ(seen[1], (Seen{1, 2, "y", ""}));
  }
}

}  // namespace
}  // namespace hone::data
