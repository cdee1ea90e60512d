// Which file system a path lies on: two folders share their free space where the numbers are equal.
//   free_bytes(a) + free_bytes(b) is too much where file_system_of(a) == file_system_of(b)
#pragma once
#include <cstdint>

#include "kernels/host/file.h"

namespace hone {

// Of the path, or of its nearest parent that is there. Error (ExitCode::io) where none can be looked at.
uint64_t file_system_of(const fs::path& path);

}  // namespace hone
