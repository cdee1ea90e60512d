// Reading past the page cache: every byte of odd ranges, whatever the file system can, and nothing left in the cache.
#include "kernels/host/piece_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/statfs.h>

#include <cerrno>
#include <random>

#include "kernels/host/error.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

constexpr uint64_t kPiece = PieceReader::kPiece, kPage = PageBuffer::kPage;

std::vector<std::byte> noise(size_t count) {
  std::mt19937_64 random(7);
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; i += 8) {
    const uint64_t word = random();
    for (size_t j = i; j < std::min(count, i + 8); ++j) bytes[j] = std::byte(word >> (8 * (j - i)) & 255);
  }
  return bytes;
}

class Pieces : public testing::Test {
 protected:
  void TearDown() override { set_file_fault({}); }
  void write(const fs::path& path, const std::vector<std::byte>& bytes) {
    FileWriter writer(path, PageCache::drop);
    writer.write(bytes);
    writer.commit();
  }
  // Every range comes whole, in order, in aligned pieces.
  void expect_all(const fs::path& path, const std::vector<std::byte>& bytes, const std::vector<FileRange>& wanted) {
    const InputFile file(path);
    std::vector<FileRange> ranges = wanted;
    for (FileRange& range : ranges) range.file = &file;
    PieceReader reader(ranges);
    size_t range = 0;
    uint64_t at = 0;
    while (const auto piece = reader.next()) {
      ASSERT_LT(range, ranges.size());
      ASSERT_EQ(piece->range, range);
      ASSERT_EQ(piece->offset, at);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(piece->bytes.data()) % 8, 0u);
      const uint64_t from = ranges[range].offset + at;
      ASSERT_TRUE(std::equal(piece->bytes.begin(), piece->bytes.end(), bytes.begin() + ptrdiff_t(from)))
          << "range " << range << " at " << at;
      at += piece->bytes.size();
      ASSERT_EQ(piece->last, at == ranges[range].bytes);
      ASSERT_TRUE(piece->last || piece->bytes.size() == kPiece);
      if (piece->last) ++range, at = 0;
    }
    EXPECT_EQ(range, ranges.size());
  }
  static std::vector<FileRange> odd_ranges(uint64_t size) {
    return {{nullptr, 0, 0},
            {nullptr, 0, 1},
            {nullptr, 7, kPage - 1},
            {nullptr, kPage, kPage},
            {nullptr, kPage - 1, kPage + 2},
            {nullptr, 64, 64},
            {nullptr, kPage - 1, kPiece},
            {nullptr, 1, kPiece + 1},
            {nullptr, 100, 2 * kPiece},
            {nullptr, size - 3, 3},
            {nullptr, size, 0},
            {nullptr, 0, size}};
  }

  TemporaryFolder folder_;
};

// Of the file's pages, how many the page cache holds.
size_t cached_pages(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const size_t size = size_t(fs::file_size(path)), pages = (size + kPage - 1) / kPage;
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  std::vector<unsigned char> there(pages);
  EXPECT_EQ(::mincore(memory, size, there.data()), 0);
  ::munmap(memory, size);
  ::close(fd);
  return size_t(std::count_if(there.begin(), there.end(), [](unsigned char c) { return c & 1; }));
}
bool in_memory(const fs::path& path) {
  struct statfs status {};
  return ::statfs(path.c_str(), &status) == 0 && status.f_type == 0x01021994;  // tmpfs: the cache is the file
}

TEST_F(Pieces, OddRangesWithAndWithoutDirectReading) {
  const std::vector<std::byte> bytes = noise(size_t(2 * kPiece + 5003));
  write(folder_ / "file", bytes);
  expect_all(folder_ / "file", bytes, odd_ranges(bytes.size()));
  set_file_fault([](std::string_view call, const fs::path&) { return call == "direct" ? EINVAL : 0; });
  EXPECT_FALSE(UncachedFile(InputFile(folder_ / "file")).direct());
  expect_all(folder_ / "file", bytes, odd_ranges(bytes.size()));
}

TEST_F(Pieces, AFileSystemInMemory) {
  const fs::path shared = "/dev/shm";
  if (!fs::is_directory(shared)) GTEST_SKIP() << "there is no /dev/shm";
  const fs::path path = shared / ("hone-pieces-" + std::to_string(::getpid()));
  const std::vector<std::byte> bytes = noise(size_t(kPiece + 4097));
  write(path, bytes);
  expect_all(path, bytes, {{nullptr, 0, bytes.size()}, {nullptr, 4095, kPiece + 2}});
  fs::remove(path);
}

TEST_F(Pieces, ShortAndInterruptedReads) {
  const std::vector<std::byte> bytes = noise(size_t(kPiece + 5003));
  write(folder_ / "file", bytes);
  for (const int limit : {-4096, -1000, -1, EIO, EINVAL}) {  // an error is left to the way through the cache
    int calls = 0;
    set_file_fault([&](std::string_view call, const fs::path&) {
      return call != "read" ? 0 : ++calls % 3 == 1 ? EINTR : calls < 50 ? limit : 0;
    });
    expect_all(folder_ / "file", bytes, {{nullptr, 0, bytes.size()}, {nullptr, 9, 4090}, {nullptr, 1, kPiece}});
    EXPECT_GT(calls, 2);
  }
}

TEST_F(Pieces, AFileThatIsCutWhileItIsRead) {
  const std::vector<std::byte> bytes = noise(size_t(5 * kPiece));
  for (const bool direct : {true, false}) {
    write(folder_ / "file", bytes);
    set_file_fault([&](std::string_view call, const fs::path&) { return call == "direct" && !direct ? EINVAL : 0; });
    const InputFile file(folder_ / "file");
    fs::resize_file(folder_ / "file", kPiece + 10);
    PieceReader reader({{&file, 0, file.size()}});
    try {
      while (reader.next()) continue;
      ADD_FAILURE() << "read to the end";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      EXPECT_NE(std::string(error.what()).find((folder_ / "file").string() + ": ends at byte"), std::string::npos)
          << error.what();
    }
  }
}

TEST_F(Pieces, WhatInspectionThrowsComesOutOfNextAndNobodyHasToReadToTheEnd) {
  const std::vector<std::byte> bytes = noise(size_t(6 * kPiece));
  write(folder_ / "file", bytes);
  const InputFile file(folder_ / "file");
  PieceReader reader({{&file, 0, file.size()}},
                     [](const FilePiece& piece) { require(piece.offset < 2 * kPiece, ExitCode::input, "enough"); });
  EXPECT_TRUE(reader.next());
  EXPECT_TRUE(reader.next());
  EXPECT_THROW(reader.next(), Error);
  PieceReader left({{&file, 0, file.size()}});
  EXPECT_TRUE(left.next());
}

TEST_F(Pieces, NothingStaysInThePageCache) {
  if (in_memory(folder_.path())) GTEST_SKIP() << "the folder for temporary files is a file system in memory";
  const std::vector<std::byte> bytes = noise(size_t(6 * kPiece));
  write(folder_ / "file", bytes);
  EXPECT_LE(cached_pages(folder_ / "file"), 16u) << "as it was written";
  for (const bool direct : {true, false}) {
    set_file_fault([&](std::string_view call, const fs::path&) { return call == "direct" && !direct ? EINVAL : 0; });
    expect_all(folder_ / "file", bytes, {{nullptr, 0, bytes.size()}});
    EXPECT_LE(cached_pages(folder_ / "file"), 300u) << "of 12,288 pages; direct " << direct;
  }
}

}  // namespace
}  // namespace hone::test
