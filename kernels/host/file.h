// Files: the only code of the project that opens, writes, syncs and renames. What is written appears under its final
// name complete and on disk, or not at all (write → fsync → rename → fsync of the folder).
//   FileWriter out(folder / "adapter_config.json");
//   out.write(text);
//   out.commit();                                  // without commit the destructor removes the temporary file
// Errors carry ExitCode::input for what cannot be read and ExitCode::io for what cannot be written.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

namespace fs = std::filesystem;

class FileDescriptor {  // owns an open descriptor
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_ = -1;
};

// An open file for reading at any place, from any thread.
class InputFile {
 public:
  explicit InputFile(const fs::path& path);  // a regular file; a missing one is named with the nearest that is there
  const fs::path& path() const { return path_; }
  uint64_t size() const { return size_; }
  int64_t modified() const { return modified_; }  // nanoseconds of the file system's clock
  // Fills `into` from `offset`; a file that ends before is an error.
  void read_at(uint64_t offset, std::span<std::byte> into) const;

 private:
  friend class UncachedFile;
  fs::path path_;
  FileDescriptor fd_;
  uint64_t size_ = 0;
  int64_t modified_ = 0;
};

// Memory that starts at a page.
class PageBuffer {
 public:
  static constexpr size_t kPage = 4096;
  explicit PageBuffer(size_t bytes);  // rounded up to whole pages; uninitialised
  std::span<std::byte> bytes() const { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  size_t size_;
  std::unique_ptr<std::byte[], Free> memory_;
};

// Reads much of a file without leaving it in the page cache: what is read once must not push out what others use, and
// on unified memory the cache is taken from the model. O_DIRECT where the file system has it; elsewhere what was read
// is dropped from the cache again. `file` outlives it.
class UncachedFile {
 public:
  explicit UncachedFile(const InputFile& file);
  bool direct() const { return direct_.get() >= 0; }
  // Bytes [offset, offset + count) of the file, in `buffer`, which has two pages more than `count`: valid until it is
  // used again, and at an address that is a multiple of 8. A file that ends before is an error.
  std::span<std::byte> read(uint64_t offset, size_t count, const PageBuffer& buffer) const;

 private:
  const InputFile* file_;
  FileDescriptor direct_;
};

std::string read_text(const fs::path& path, uint64_t limit = uint64_t(1) << 30);
std::string hash_of_file(const fs::path& path);    // xxh3, 32 digits
std::string sha256_of_file(const fs::path& path);  // 64 digits

// Whether what is written stays in the page cache. `drop` writes as it goes and is for large files nobody reads soon.
enum class PageCache { keep, drop };

// A new file that takes its final name at commit(). Mode 0600.
class FileWriter {
 public:
  explicit FileWriter(fs::path final_path, PageCache cache = PageCache::keep);
  FileWriter(const FileWriter&) = delete;
  ~FileWriter();
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  uint64_t bytes_written() const { return written_; }
  void commit();

 private:
  void drop_written();
  fs::path final_, temporary_;
  FileDescriptor fd_;
  PageCache cache_;
  uint64_t written_ = 0, started_ = 0, dropped_ = 0;  // bytes; started_: on their way to the disk
  bool committed_ = false;
};
void write_text(const fs::path& path, std::string_view text);  // one FileWriter

// A new folder that takes its final name at commit(). Files in it are written with FileWriter under path(). Mode 0700.
// Where the final name exists, commit() puts the new folder in its place in one step and then removes the old one (on
// file systems that cannot exchange two names, a moment passes between two renames).
class FolderWriter {
 public:
  explicit FolderWriter(fs::path final_path);
  FolderWriter(const FolderWriter&) = delete;
  ~FolderWriter();
  const fs::path& path() const { return temporary_; }
  void commit();

 private:
  fs::path final_, temporary_;
};

// Lines appended to a file that a reader may follow; a whole line is one write.
class LineAppender {
 public:
  explicit LineAppender(const fs::path& path);
  void append(std::string_view line);

 private:
  fs::path path_;
  FileDescriptor fd_;
};

// Holds a folder for one process (flock on folder/run.lock) while it lives. A second is refused with the first one's
// number.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder);

 private:
  FileDescriptor fd_;
};

void make_folders(const fs::path& path);         // with parents, 0700
void remove_folder(const fs::path& path);        // renamed out of the way first: never half-deleted under its name
void sweep_temporaries(const fs::path& folder);  // what an interrupted writer left behind
uint64_t free_bytes(const fs::path& path);       // of the file system that holds it (or its nearest parent)
std::vector<fs::path> entries_of(const fs::path& folder);  // sorted by name
// "no such file: data/suport.jsonl (nearest: data/support.jsonl)"
std::string missing_text(const fs::path& path);

// For tests: asked before each system call that changes something ("open", "write", "fsync", "rename", "mkdir"), that
// opens a file past the cache ("direct") or reads it so ("read"); what it returns other than 0 is the errno with which
// that call fails. For "read" -n is answered with no more than n bytes.
using FileFault = std::function<int(std::string_view call, const fs::path& path)>;
void set_file_fault(FileFault fault);

}  // namespace hone
