// Errors: one exception type that carries the program's exit code. A message names the place, what was expected, what
// came and what to do:
//   fail(ExitCode::input, path, ": expected a JSON object, got a list. Is this a config.json?");
//   require(width > 0, "[rms_norm] width must be positive, got ", width);      // a mistake of our own: exit code 1
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace hone {

// What scripts and service units rely on; the only table of exit codes there is.
enum class ExitCode : int {
  done = 0,
  bug = 1,        // our own fault
  usage = 2,      // command line or recipe
  input = 3,      // data or model
  io = 4,         // files, disk
  memory = 5,     // planned or hit
  gpu = 6,        // device or driver
  numerical = 7,  // loss or gradient not finite
  peer = 8,       // another rank, the network between ranks
  hang = 9,       // watchdog
  stopped = 75    // stopped early, can be resumed
};

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& text, ExitCode code = ExitCode::bug) : std::runtime_error(text), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Parts are streamed one after another (GCC 12 has no std::format).
template <class... Parts>
std::string joined(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}
template <class... Parts>
[[noreturn]] void fail(ExitCode code, const Parts&... parts) {
  throw Error(joined(parts...), code);
}
template <class First, class... Parts>
requires(!std::is_same_v<First, ExitCode>) [[noreturn]] void fail(const First& first, const Parts&... parts) {
  throw Error(joined(first, parts...), ExitCode::bug);
}
template <class... Parts>
void require(bool holds, ExitCode code, const Parts&... parts) {
  if (!holds) fail(code, parts...);
}
template <class First, class... Parts>
requires(!std::is_same_v<First, ExitCode>) void require(bool holds, const First& first, const Parts&... parts) {
  if (!holds) fail(first, parts...);
}

}  // namespace hone
