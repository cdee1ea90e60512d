#include "trainer/plan/disk.h"

#include <algorithm>
#include <map>

#include "kernels/host/clock.h"
#include "kernels/host/file_system.h"

namespace hone::trainer {

double read_rate_of(const fs::path& file) {
  constexpr uint64_t kPiece = uint64_t(4) << 20, kMost = uint64_t(64) << 20;
  constexpr double kSeconds = 0.2;
  const InputFile input(file);
  const UncachedFile uncached(input);
  const PageBuffer buffer(kPiece + 2 * PageBuffer::kPage);
  const Stopwatch watch;
  uint64_t read = 0;
  while (read < std::min(input.size(), kMost) && watch.seconds() < kSeconds)
    read += uncached.read(read, size_t(std::min(kPiece, input.size() - read)), buffer).size();
  return read > 0 ? double(read) / std::max(watch.seconds(), 1e-9) : 0;
}

DiskRates disk_rates(const fs::path& folder, double seconds) {
  constexpr size_t kPiece = size_t(4) << 20, kMost = size_t(64) << 20;
  const FolderWriter place(folder / ".hone-disk");  // not committed: gone at the end
  const fs::path file = place.path() / "bytes";
  std::vector<std::byte> piece(kPiece);
  uint32_t state = 1;
  for (std::byte& byte : piece) state = state * 1664525u + 1013904223u, byte = std::byte(state >> 24);
  const Stopwatch watch;
  FileWriter out(file, PageCache::drop);
  do out.write(std::span<const std::byte>(piece));
  while (out.bytes_written() < kMost && watch.seconds() < seconds);
  const auto written = double(out.bytes_written());
  out.commit();
  const double write = written / std::max(watch.seconds(), 1e-9);
  return {write, read_rate_of(file)};
}

Disk disk_of(const Storage& storage, const std::string& result, const RunBytes& bytes) {
  Disk disk;
  const auto add = [&](const std::string& what, const fs::path& place, uint64_t all, uint64_t there, bool must) {
    if (all > 0) disk.kept.push_back({what, place, all, std::min(all, there), must});
  };
  add("shards", storage.shards, storage.shard_bytes, storage.shards_there ? storage.shard_bytes : 0, true);
  if (!storage.base_cache.empty())
    add("base cache", storage.base_cache, bytes.base, storage.base_cache_there ? bytes.base : 0, false);
  disk.checkpoint_bytes = bytes.checkpoint;
  disk.checkpoints = std::clamp<int64_t>(bytes.most_checkpoints, 1, storage.keep);
  disk.one_more = bytes.most_checkpoints > storage.keep;
  add("checkpoints", storage.run, uint64_t(disk.checkpoints + disk.one_more) * bytes.checkpoint,
      storage.checkpoints_there, true);
  add(result, storage.run, bytes.result, 0, true);

  disk.free = free_bytes(storage.run);
  struct FileSystem {
    uint64_t free = 0, must = 0, all = 0;
  };
  std::map<uint64_t, FileSystem> systems;
  for (const Kept& kept : disk.kept) {
    const fs::path place = kept.place.empty() ? storage.run : kept.place;
    FileSystem& system = systems[file_system_of(place)];
    system.free = free_bytes(place), system.all += kept.to_write(), system.must += kept.must ? kept.to_write() : 0;
    disk.needed += kept.to_write();
  }
  for (const auto& [id, system] : systems) {
    disk.lacking += system.must - std::min(system.must, system.free);
    disk.lacking_for_all += system.all - std::min(system.all, system.free);
  }
  disk.read_bytes = storage.read_bytes;
  return disk;
}

}  // namespace hone::trainer
