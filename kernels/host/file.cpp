#include "kernels/host/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <random>

#include "kernels/host/appender.h"
#include "kernels/host/error.h"
#include "kernels/host/hash.h"
#include "kernels/host/text.h"

namespace hone {

namespace {
FileFault& fault() {
  static FileFault current;
  return current;
}
// True, with errno set, where a test wants this call to fail.
bool fails(std::string_view call, const fs::path& path) {
  if (!fault()) return false;
  errno = fault()(call, path);
  return errno != 0;
}

[[noreturn]] void cannot(std::string_view what, const fs::path& path, std::string_view remedy = {}) {
  const int code = errno;
  const std::string_view hint = !remedy.empty()  ? remedy
                                : code == ENOSPC ? "free some space or choose another output.dir"
                                : code == EACCES ? "check the permissions"
                                : code == EROFS  ? "the file system is read-only; choose another place"
                                                 : "";
  fail(ExitCode::io, path.string(), ": cannot ", what, ": ", std::strerror(code), hint.empty() ? "" : "; ", hint);
}

// Beside the final name. The random part keeps clear of what a killed process of the same number left (in containers
// every run has the same one).
fs::path temporary_name(const fs::path& final_path, std::string_view prefix) {
  static const uint64_t once = uint64_t(std::random_device{}()) << 32 | std::random_device{}();
  static std::atomic<uint64_t> number{0};
  return final_path.parent_path() /
         joined(prefix, final_path.filename().string(), "-", ::getpid(), "-", std::hex, once, "-", std::dec, number++);
}
constexpr std::string_view kTemporary = ".tmp-", kTrash = ".trash-";

void sync_folder(const fs::path& folder) {
  const fs::path place = folder.empty() ? fs::path(".") : folder;
  const FileDescriptor fd(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || fails("fsync", place) || ::fsync(fd.get()) != 0) cannot("sync the folder", place);
}

void rename_over(const fs::path& from, const fs::path& to) {
  if (fails("rename", to) || ::rename(from.c_str(), to.c_str()) != 0) cannot("rename into place", to);
}

// Both names change places in one step; false where the file system cannot.
bool exchange(const fs::path& from, const fs::path& to) {
  if (fails("rename", to)) cannot("rename into place", to);
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) cannot("rename into place", to);
  return false;
}

void write_all(int fd, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t count =
        fails("write", path) ? -1 : ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), 1 << 30));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) cannot("write", path);
    bytes = bytes.subspan(size_t(count));
  }
}

template <class Hash>
std::string hash_file(const fs::path& path) {
  const InputFile file(path);
  Hash hash;
  std::vector<std::byte> buffer(size_t(1) << 20);
  for (uint64_t at = 0; at < file.size(); at += buffer.size()) {
    const std::span<std::byte> piece(buffer.data(), size_t(std::min<uint64_t>(buffer.size(), file.size() - at)));
    file.read_at(at, piece);
    hash.add(piece);
  }
  return hash.hex();
}
}  // namespace

void set_file_fault(FileFault hook) { fault() = std::move(hook); }

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}
FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::string missing_text(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code ignored;
  const fs::path parent = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  for (const auto& entry : fs::directory_iterator(parent, ignored)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  std::string text = "no such file: " + path.string();
  if (const auto name = nearest(path.filename().string(), names)) {
    text += " (nearest: " + (path.parent_path() / *name).string() + ")";
  }
  return text;
}

// O_NONBLOCK: opening a pipe that nobody writes to must not wait; it is refused below.
InputFile::InputFile(const fs::path& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  require(fd_.get() >= 0 || errno != ENOENT, ExitCode::input, missing_text(path));
  require(fd_.get() >= 0, ExitCode::input, path.string(), ": cannot open: ", std::strerror(errno));
  struct stat status {};
  require(::fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode), ExitCode::input, path.string(),
          ": not a regular file");
  size_ = uint64_t(status.st_size);
  modified_ = int64_t(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

void InputFile::read_at(uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t count = ::pread(fd_.get(), into.data(), std::min<size_t>(into.size(), 1 << 30), off_t(offset));
    if (count < 0 && errno == EINTR) continue;
    require(count >= 0, ExitCode::io, path_.string(), ": cannot read at byte ", offset, ": ", std::strerror(errno));
    require(count > 0, ExitCode::input, path_.string(), ": ends at byte ", offset, ", ", into.size(),
            " bytes are missing; was it cut while copying?");
    into = into.subspan(size_t(count));
    offset += uint64_t(count);
  }
}

PageBuffer::PageBuffer(size_t bytes)
    : size_((bytes + kPage - 1) / kPage * kPage),
      memory_(static_cast<std::byte*>(::operator new(size_, std::align_val_t(kPage), std::nothrow))) {
  require(memory_ != nullptr, ExitCode::memory, "[memory] the host has no ", size_, " bytes left to read into");
}
void PageBuffer::Free::operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t(kPage)); }

// Opened by its descriptor and not by its name, which may lead elsewhere by now.
UncachedFile::UncachedFile(const InputFile& file) : file_(&file) {
  const std::string opened = "/proc/self/fd/" + std::to_string(file.fd_.get());
  if (!fails("direct", file.path())) direct_ = FileDescriptor(::open(opened.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
}

std::span<std::byte> UncachedFile::read(uint64_t offset, size_t count, const PageBuffer& buffer) const {
  constexpr uint64_t kPage = PageBuffer::kPage;
  const uint64_t begin = offset / kPage * kPage, lead = offset - begin,
                 end = (offset + count + kPage - 1) / kPage * kPage;
  const std::span<std::byte> memory = buffer.bytes();
  require(memory.size() >= end - begin, "[file] ", count, " bytes at ", offset, " do not fit a buffer of ",
          memory.size());
  require(offset <= file_->size() && count <= file_->size() - offset, ExitCode::input, file_->path().string(), ": has ",
          file_->size(), " bytes, ", count, " at byte ", offset, " are wanted; was it cut while copying?");
  uint64_t got = 0;  // from `begin` on
  while (direct() && got < lead + count) {
    const int limit = fault() ? fault()("read", file_->path()) : 0;
    const uint64_t wanted = limit < 0 ? uint64_t(-limit) : std::min<uint64_t>(end - begin - got, 1 << 30);
    if (limit > 0) errno = limit;
    const ssize_t more =
        limit > 0 ? -1 : ::pread(direct_.get(), memory.data() + got, size_t(wanted), off_t(begin + got));
    if (more < 0 && errno == EINTR) continue;
    // Where it cannot go on like this (EINVAL: another alignment is wanted) or errs, the way through the cache decides.
    if (more <= 0) break;
    got += uint64_t(more);
  }
  if (got < lead + count) {
    const std::span<std::byte> rest = memory.subspan(size_t(got), size_t(lead + count - got));
    file_->read_at(begin + got, rest);
    ::posix_fadvise(file_->fd_.get(), off_t(begin), off_t(end - begin), POSIX_FADV_DONTNEED);
  }
  constexpr uint64_t kAligned = 8;  // of the widest number; safetensors files mostly have it
  if (lead % kAligned == 0) return memory.subspan(size_t(lead), count);
  std::memmove(memory.data(), memory.data() + lead, count);
  return memory.first(count);
}

std::string read_text(const fs::path& path, uint64_t limit) {
  const InputFile file(path);
  require(file.size() <= limit, ExitCode::input, path.string(), ": ", file.size(), " bytes, the limit is ", limit);
  std::string text(file.size(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

std::string hash_of_file(const fs::path& path) { return hash_file<Xxh3>(path); }
std::string sha256_of_file(const fs::path& path) { return hash_file<Sha256>(path); }

FileWriter::FileWriter(fs::path final_path, PageCache cache)
    : final_(std::move(final_path)), temporary_(temporary_name(final_, kTemporary)), cache_(cache) {
  if (!fails("open", final_))
    fd_ = FileDescriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd_.get() < 0) cannot("create", final_);
}

FileWriter::~FileWriter() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void FileWriter::write(std::span<const std::byte> bytes) {
  write_all(fd_.get(), bytes, final_);
  written_ += bytes.size();
  if (cache_ == PageCache::drop) drop_written();
}

// One stretch is on its way to the disk while the next is written; only what has arrived can leave the cache.
void FileWriter::drop_written() {
  constexpr uint64_t kStretch = uint64_t(16) << 20;
  if (written_ < started_ + kStretch) return;
  ::sync_file_range(fd_.get(), off_t(started_), off_t(written_ - started_), SYNC_FILE_RANGE_WRITE);
  ::sync_file_range(fd_.get(), off_t(dropped_), off_t(started_ - dropped_),
                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  ::posix_fadvise(fd_.get(), off_t(dropped_), off_t(started_ - dropped_), POSIX_FADV_DONTNEED);
  dropped_ = started_, started_ = written_;
}

void FileWriter::commit() {
  if (fails("fsync", final_) || ::fsync(fd_.get()) != 0) cannot("sync", final_);
  if (cache_ == PageCache::drop) ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (::close(fd_.release()) != 0) cannot("close", final_);
  rename_over(temporary_, final_);
  committed_ = true;
  sync_folder(final_.parent_path());
}

void write_text(const fs::path& path, std::string_view text) {
  FileWriter writer(path);
  writer.write(text);
  writer.commit();
}

FolderWriter::FolderWriter(fs::path final_path)
    : final_(final_path.has_filename() ? std::move(final_path) : final_path.parent_path()),  // "out/" is "out"
      temporary_(temporary_name(final_, kTemporary)) {
  if (fails("mkdir", final_) || ::mkdir(temporary_.c_str(), 0700) != 0) cannot("create the folder", final_);
}

FolderWriter::~FolderWriter() {
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);  // after commit() the folder that was replaced, if any
}

void FolderWriter::commit() {
  sync_folder(temporary_);
  if (!fs::exists(fs::symlink_status(final_))) {
    rename_over(temporary_, final_);
  } else if (!exchange(temporary_, final_)) {
    const fs::path old = temporary_name(final_, kTrash);
    rename_over(final_, old);
    try {
      rename_over(temporary_, final_);
    } catch (...) {
      ::rename(old.c_str(), final_.c_str());
      throw;
    }
    temporary_ = old;
  }
  sync_folder(final_.parent_path());
}

LineAppender::LineAppender(const fs::path& path)
    : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (fd_.get() < 0) cannot("open", path);
}

void LineAppender::append(std::string_view line) {
  const std::string whole = std::string(line) + "\n";
  write_all(fd_.get(), std::as_bytes(std::span(whole)), path_);
}

Appender::Appender(const fs::path& path)
    : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (fd_.get() < 0) cannot("open", path);
}

void Appender::append(std::string_view bytes) { write_all(fd_.get(), std::as_bytes(std::span(bytes)), path_); }

FolderLock::FolderLock(const fs::path& folder)
    : fd_(::open((folder / "run.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (fd_.get() < 0) cannot("open", folder / "run.lock");
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    char owner[32] = {};
    const ssize_t count = ::pread(fd_.get(), owner, sizeof owner - 1, 0);
    fail(ExitCode::usage, folder.string(), ": in use by process ", count > 0 ? owner : "(unknown)",
         "; wait for it or choose another output.dir");
  }
  const std::string own = std::to_string(::getpid());
  if (::ftruncate(fd_.get(), 0) != 0 || ::pwrite(fd_.get(), own.data(), own.size(), 0) < 0)
    cannot("write", folder / "run.lock");
}

void make_folders(const fs::path& path) {
  if (path.empty() || fs::is_directory(path)) return;
  make_folders(path.parent_path());
  if (fails("mkdir", path) || (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)) cannot("create the folder", path);
  if (!fs::is_directory(path)) {
    errno = ENOTDIR;
    cannot("create the folder", path);
  }
}

void remove_folder(const fs::path& path) {
  const fs::path aside = temporary_name(path, kTrash);
  rename_over(path, aside);
  std::error_code ignored;
  fs::remove_all(aside, ignored);
}

void sweep_temporaries(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kTemporary) || name.starts_with(kTrash)) fs::remove_all(entry.path(), ignored);
  }
}

uint64_t free_bytes(const fs::path& path) {
  fs::path place = fs::absolute(path);
  while (!fs::exists(place) && place.has_relative_path()) place = place.parent_path();
  struct statvfs status {};
  if (::statvfs(place.c_str(), &status) != 0) cannot("ask for free space", place);
  return uint64_t(status.f_bavail) * status.f_frsize;
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) entries.push_back(entry.path());
  require(!error, ExitCode::input, folder.string(), ": cannot list: ", error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace hone
