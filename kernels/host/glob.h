// Names of files by a pattern: '*' and '?' within a name, [a-z] and [!a-z] of one letter, '**' for any folders between.
//   files_matching("data/**/*.jsonl");   // sorted, folders left out; hidden ones only where the pattern begins with
//   '.'
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

bool is_pattern(std::string_view path);                                 // has one of * ? [
bool matches_pattern(std::string_view name, std::string_view pattern);  // of one name, without '/'
std::vector<std::filesystem::path> files_matching(const std::string& pattern);

}  // namespace hone
