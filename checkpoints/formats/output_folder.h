// A folder that is written as a whole replaces what is there, so it must be our own kind of folder:
//   check_replaceable("runs/a/adapter", "adapter_config.json");
#pragma once
#include "kernels/host/error.h"
#include "kernels/host/file.h"

namespace hone::checkpoints {

// Passes where `folder` is not there, is empty, or holds a file `mark`; else an error (ExitCode::usage).
inline void check_replaceable(const fs::path& folder, const char* mark) {
  const fs::file_status status = fs::symlink_status(folder);
  require(!fs::exists(status) || (fs::is_directory(status) && (fs::is_empty(folder) || fs::exists(folder / mark))),
          ExitCode::usage, folder.string(), ": is there, and is not replaced because it holds no ", mark,
          "; choose another folder");
}

}  // namespace hone::checkpoints
