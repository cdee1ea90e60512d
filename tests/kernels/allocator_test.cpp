// Host memory is used again instead of going back to the system, and hardly more pages are touched than are in use.
#include "kernels/core/allocator.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "kernels/core/arena.h"

namespace hone::test {
namespace {

struct Block {
  std::byte* memory;
  size_t bytes;
  int mark;
};

// Blocks of 64 KiB to 2 MiB come and go; each keeps what was written into it.
void come_and_go(Allocator& host, uint64_t seed) {
  std::vector<Block> blocks;
  std::mt19937_64 random(seed);
  const auto leave = [&](size_t at) {
    const Block block = blocks[at];
    ASSERT_EQ(block.memory[0], std::byte(block.mark));
    ASSERT_EQ(block.memory[block.bytes - 1], std::byte(block.mark));
    host.free(block.memory, block.bytes);
    blocks.erase(blocks.begin() + int64_t(at));
  };
  for (int i = 0; i < 300; ++i) {
    if (blocks.size() > 20) leave(random() % blocks.size());
    const size_t bytes = (size_t(64) << 10) + random() % (size_t(2) << 20);
    blocks.push_back({static_cast<std::byte*>(host.allocate(bytes)), bytes, i % 251});
    ASSERT_EQ(uintptr_t(blocks.back().memory) % Allocator::kAlignment, 0u);
    std::memset(blocks.back().memory, i % 251, bytes);
  }
  while (!blocks.empty()) leave(blocks.size() - 1);
}

TEST(HostAllocator, ARepeatedStepTouchesNoNewPages) {
  const std::shared_ptr<Allocator> host = Allocator::host();
  come_and_go(*host, 3);
  const Usage first = host->usage();
  EXPECT_EQ(first.live, 0u);
  EXPECT_GT(first.pages, 0u);
  come_and_go(*host, 3);
  EXPECT_EQ(host->usage().pages, first.pages);
}

TEST(HostAllocator, HardlyMorePagesAreTouchedThanAreInUse) {
  const std::shared_ptr<Allocator> host = Allocator::host();
  for (uint64_t seed = 0; seed < 8; ++seed) come_and_go(*host, seed);
  EXPECT_LT(double(host->usage().pages), 1.4 * double(host->usage().peak)) << "sizes without any order";
}

TEST(Arena, FreeNeighboursJoin) {
  constexpr size_t kMiB = size_t(1) << 20;
  Arena arena(8 * kMiB);
  std::vector<void*> all;
  while (void* const block = arena.take(kMiB / 2)) all.push_back(block);
  ASSERT_GE(all.size(), 14u);  // the address sanitizer's build keeps gaps
  EXPECT_EQ(arena.take(kMiB / 2), nullptr);
  for (const size_t i : {1u, 3u, 2u}) arena.give(all[i], kMiB / 2);  // before, after, between
  void* const joined = arena.take(kMiB + kMiB / 2);
  EXPECT_EQ(joined, all[1]) << "the lowest stretch that is long enough";
  arena.give(joined, kMiB + kMiB / 2);
  arena.give(all[0], kMiB / 2);
  for (size_t i = 4; i < all.size(); ++i) arena.give(all[i], kMiB / 2);
  EXPECT_NE(arena.take(7 * kMiB), nullptr);
}

TEST(Arena, RefusesWhatDoesNotFit) {
  Arena arena(1 << 20);
  EXPECT_EQ(arena.take(size_t(2) << 20), nullptr);
  EXPECT_NE(arena.take(size_t(1) << 19), nullptr);
}

}  // namespace
}  // namespace hone::test
