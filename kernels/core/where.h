// Where in the sources a call stands (std::source_location, which clang 14 has not):
//   void check(bool good, Where where = Where::here());   →  where.file, where.line of the caller
#pragma once

namespace hone {

struct Where {
  const char* file = "";
  unsigned line = 0;
  static constexpr Where here(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
  constexpr const char* name() const {  // without the folders
    const char* last = file;
    for (const char* c = file; *c; ++c)
      if (*c == '/') last = c + 1;
    return last;
  }
};

}  // namespace hone
