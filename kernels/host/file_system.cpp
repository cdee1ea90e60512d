#include "kernels/host/file_system.h"

#include <sys/stat.h>

#include "kernels/host/error.h"

namespace hone {

uint64_t file_system_of(const fs::path& path) {
  fs::path place = fs::absolute(path);
  struct stat status {};
  while (::stat(place.c_str(), &status) != 0) {
    require(place.has_relative_path(), ExitCode::io, path.string(), ": cannot look at the file system it lies on");
    place = place.parent_path();
  }
  return uint64_t(status.st_dev);
}

}  // namespace hone
