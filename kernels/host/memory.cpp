#include "kernels/host/memory.h"

#include <sys/mman.h>

#include <fstream>
#include <limits>
#include <string>
#include <string_view>

namespace hone {

namespace {
uint64_t meminfo(std::string_view wanted) {
  std::ifstream lines("/proc/meminfo");
  for (std::string name; lines >> name;) {
    uint64_t kibibytes = 0;
    if (name == wanted && lines >> kibibytes) return kibibytes * 1024;
    lines.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}
}  // namespace

uint64_t available_memory() { return meminfo("MemAvailable:"); }

uint64_t total_memory() { return meminfo("MemTotal:"); }

void* reserve_addresses(size_t bytes) noexcept {
  void* const addresses =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (addresses == MAP_FAILED) return nullptr;
  ::madvise(addresses, bytes, MADV_HUGEPAGE);  // a wish: fewer faults, and fewer misses on the way to memory
  return addresses;
}
void release_addresses(void* addresses, size_t bytes) noexcept { ::munmap(addresses, bytes); }

}  // namespace hone
