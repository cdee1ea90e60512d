// Bytes appended to a file that a reader may follow; what is given at once is one write. Mode 0600. (By lines:
// LineAppender in file.h.)
//   Appender events(run / "tensorboard" / name);
//   events.append(record);
#pragma once
#include "kernels/host/file.h"

namespace hone {

class Appender {
 public:
  explicit Appender(const fs::path& path);
  void append(std::string_view bytes);

 private:
  fs::path path_;
  FileDescriptor fd_;
};

}  // namespace hone
