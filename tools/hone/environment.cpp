#include "tools/hone/environment.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "kernels/host/text.h"

namespace hone::tools {

namespace {
std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

// As the C library decides it: the first of the three that says anything.
bool utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = variable(name);
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(), [](unsigned char c) { return std::tolower(c); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

int columns() {
  constexpr int64_t kLeast = 20, kMost = 1000;
  constexpr int kOfFile = 120;
  if (const auto told = parse_integer(variable("COLUMNS")); told && *told > 0)
    return int(std::clamp(*told, kLeast, kMost));
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return int(std::clamp<int64_t>(size.ws_col, kLeast, kMost));
  return ::isatty(STDOUT_FILENO) == 1 ? 80 : kOfFile;
}
}  // namespace

int screen_lines() {
  constexpr int kLeast = 12, kMost = 1000, kOfFile = 46;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
    return std::clamp<int>(size.ws_row, kLeast, kMost);
  return kOfFile;
}

trainer::Screen standard_output(bool quiet) {
  const std::string term = variable("TERM");
  const bool terminal = ::isatty(STDOUT_FILENO) == 1 && !term.empty() && term != "dumb";
  return {.terminal = terminal,
          .utf8 = utf8_locale(),
          .colour = terminal && variable("NO_COLOR").empty(),
          .quiet = quiet,
          .width = columns};
}

}  // namespace hone::tools
