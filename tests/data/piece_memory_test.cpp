// What is remembered is what was kept, for pieces of every length; and it is no more than the table holds.
#include "data/tokenizer/piece_memory.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace hone::test {
namespace {

using data::PieceMemory;

TEST(PieceMemory, GivesBackWhatWasKept) {
  PieceMemory memory;
  std::map<std::string, std::vector<int32_t>> kept;
  std::mt19937 random(3);
  int found = 0;
  for (int32_t round = 0; round < 200'000; ++round) {
    std::string piece(1 + random() % PieceMemory::kLongestPiece, 'a');  // many differ in one byte, or in length alone
    for (int changes = int(random() % 3); changes > 0; --changes) piece[random() % piece.size()] = char(random() % 4);
    const PieceMemory::Key key(piece);
    std::vector<int32_t> ids{-1};
    memory.expect(key);
    if (memory.recall(key, ids)) {
      ++found;
      ASSERT_EQ(ids.front(), -1);  // appended
      ids.erase(ids.begin());
      ASSERT_EQ(ids, kept.at(piece));
      continue;
    }
    ASSERT_EQ(ids, std::vector<int32_t>{-1});
    std::vector<int32_t>& mine = kept[piece];
    mine.assign(random() % (PieceMemory::kMostIds + 1), round);
    memory.keep(key, mine);
    mine = kept[piece];
    ids.clear();
    ASSERT_TRUE(memory.recall(key, ids));
    ASSERT_EQ(ids, mine);
  }
  EXPECT_GT(found, 100'000);
}

TEST(PieceMemory, LeavesOutWhatIsTooMuch) {
  PieceMemory memory;
  const PieceMemory::Key key("long");
  memory.keep(key, std::vector<int32_t>(PieceMemory::kMostIds + 1));
  std::vector<int32_t> ids;
  EXPECT_FALSE(memory.recall(key, ids));
  memory.keep(key, std::vector<int32_t>(PieceMemory::kMostIds, 5));
  EXPECT_TRUE(memory.recall(key, ids));
  EXPECT_EQ(ids, std::vector<int32_t>(PieceMemory::kMostIds, 5));
}

}  // namespace
}  // namespace hone::test
