// Reads ranges of files one after another, in pieces, by a thread of its own that is a few pieces ahead: reading and
// what is done with the bytes overlap, in a few buffers however large the ranges are. Nothing stays in the page cache.
//   PieceReader reader({{&file, 4096, file.size() - 4096}});
//   while (const std::optional<FilePiece> piece = reader.next()) hash.add(piece->bytes);
#pragma once
#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "kernels/host/file.h"

namespace hone {

struct FileRange {
  const InputFile* file = nullptr;
  uint64_t offset = 0, bytes = 0;
};

struct FilePiece {
  size_t range = 0;     // its number in the list
  uint64_t offset = 0;  // in the range
  bool last = false;    // it ends the range
  std::span<std::byte> bytes;
};

class PieceReader {
 public:
  static constexpr size_t kPiece = size_t(8) << 20;
  // Called for each piece, in order, on the reading thread before it is handed out; what it throws is thrown by next().
  using Inspect = std::function<void(const FilePiece&)>;
  // Every piece of a range but its last has kPiece bytes, at an address that is a multiple of 8; an empty range is one
  // empty piece. The files outlive the reader.
  explicit PieceReader(std::vector<FileRange> ranges, Inspect inspect = {});
  PieceReader(const PieceReader&) = delete;
  ~PieceReader();
  // The next piece, valid until the next call; none after the last. Errors are those of UncachedFile::read and inspect.
  std::optional<FilePiece> next();

 private:
  static constexpr size_t kBuffers = 4;
  struct Slot {
    PageBuffer buffer{kPiece + 2 * PageBuffer::kPage};
    FilePiece piece;
  };
  void read_all();
  bool put(size_t range, uint64_t offset, size_t bytes);  // false when nobody wants more

  std::vector<FileRange> ranges_;
  Inspect inspect_;
  std::map<const InputFile*, UncachedFile> files_;
  std::vector<Slot> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t read_ = 0, taken_ = 0, released_ = 0;  // pieces so far
  bool done_ = false, stop_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace hone
