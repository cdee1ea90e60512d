#include "tests/fuzz/target.h"

namespace hone::test {

std::map<std::string, FuzzBody>& fuzz_targets() {
  static std::map<std::string, FuzzBody> targets;
  return targets;
}

FuzzTarget::FuzzTarget(const char* name, FuzzBody body) { fuzz_targets().emplace(name, body); }

}  // namespace hone::test
