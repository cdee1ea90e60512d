#include "kernels/host/piece_reader.h"

#include <algorithm>

namespace hone {

PieceReader::PieceReader(std::vector<FileRange> ranges, Inspect inspect)
    : ranges_(std::move(ranges)), inspect_(std::move(inspect)), slots_(kBuffers) {
  for (const FileRange& range : ranges_) files_.try_emplace(range.file, *range.file);
  thread_ = std::thread([this] { read_all(); });
}

PieceReader::~PieceReader() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool PieceReader::put(size_t range, uint64_t offset, size_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stop_ || read_ - released_ < kBuffers; });
  if (stop_) return false;
  Slot& slot = slots_[size_t(read_ % kBuffers)];
  lock.unlock();
  const FileRange& from = ranges_[range];
  slot.piece = {.range = range,
                .offset = offset,
                .last = offset + bytes == from.bytes,
                .bytes = files_.at(from.file).read(from.offset + offset, bytes, slot.buffer)};
  if (inspect_) inspect_(slot.piece);
  lock.lock();
  ++read_;
  lock.unlock();
  changed_.notify_all();
  return true;
}

void PieceReader::read_all() {
  std::exception_ptr error;
  try {
    for (size_t r = 0; r < ranges_.size(); ++r) {
      uint64_t offset = 0;
      do {
        const size_t bytes = size_t(std::min<uint64_t>(kPiece, ranges_[r].bytes - offset));
        if (!put(r, offset, bytes)) return;
        offset += bytes;
      } while (offset < ranges_[r].bytes);
    }
  } catch (...) {
    error = std::current_exception();
  }
  {
    std::lock_guard lock(mutex_);
    error_ = error, done_ = true;
  }
  changed_.notify_all();
}

std::optional<FilePiece> PieceReader::next() {
  std::unique_lock lock(mutex_);
  if (released_ != taken_) {
    released_ = taken_;
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return read_ > taken_ || done_; });
  if (read_ > taken_) return slots_[size_t(taken_++ % kBuffers)].piece;
  if (error_) std::rethrow_exception(error_);
  return {};
}

}  // namespace hone
