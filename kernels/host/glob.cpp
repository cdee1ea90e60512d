#include "kernels/host/glob.h"

#include <fnmatch.h>

#include <algorithm>

namespace hone {

namespace fs = std::filesystem;

namespace {
constexpr int kMostFolders = 32;  // below one another, under '**'

std::vector<fs::path> entries_in(const fs::path& folder) {
  std::vector<fs::path> names;
  std::error_code error;
  for (fs::directory_iterator at(folder.empty() ? "." : folder, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

using Parts = std::vector<std::string>;
void search(const fs::path& folder, const Parts& parts, size_t at, int depth, std::vector<fs::path>& into) {
  std::error_code error;
  const bool last = at + 1 == parts.size();
  const std::string& part = parts[at];
  const bool any_folders = part == "**" && !last;
  if (any_folders) search(folder, parts, at + 1, depth, into);
  if (!any_folders && !is_pattern(part)) {
    const fs::path next = folder / part;
    if (last ? fs::is_regular_file(next, error) : fs::is_directory(next, error)) {
      if (last)
        into.push_back(next);
      else
        search(next, parts, at + 1, depth, into);
    }
    return;
  }
  for (const fs::path& name : entries_in(folder)) {
    const fs::path next = folder / name;
    if (!matches_pattern(name.string(), any_folders ? "*" : part)) continue;
    if (last) {
      if (fs::is_regular_file(next, error)) into.push_back(next);
    } else if (fs::is_directory(next, error)) {
      if (!any_folders)
        search(next, parts, at + 1, depth, into);
      else if (depth < kMostFolders && !fs::is_symlink(next, error))
        search(next, parts, at, depth + 1, into);
    }
  }
}
}  // namespace

bool is_pattern(std::string_view path) { return path.find_first_of("*?[") != std::string_view::npos; }

bool matches_pattern(std::string_view name, std::string_view pattern) {
  return ::fnmatch(std::string(pattern).c_str(), std::string(name).c_str(), FNM_PERIOD | FNM_NOESCAPE) == 0;
}

std::vector<fs::path> files_matching(const std::string& pattern) {
  Parts parts;
  for (const fs::path& part : fs::path(pattern).relative_path())
    if (!part.empty()) parts.push_back(part.string());
  std::vector<fs::path> found;
  if (!parts.empty()) search(fs::path(pattern).root_path(), parts, 0, 0, found);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace hone
