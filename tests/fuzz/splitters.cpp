// Text through every hand-written splitter, beside Oniguruma with the same pattern.
#include "tests/data/splitter_difference.h"
#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

bool splitters(std::string_view bytes) {
  if (!valid_utf8(bytes)) return false;
  const std::string difference = splitter_difference(bytes);
  check(difference.empty(), difference);
  return true;
}

const FuzzTarget target("splitters", splitters);

}  // namespace
}  // namespace hone::test
