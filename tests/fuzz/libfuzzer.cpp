// The entry of a libFuzzer program, which holds exactly one target. An exception that the target lets out ends the
// program, which is a finding.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    hone::test::fuzz_targets().begin()->second({reinterpret_cast<const char*>(data), size});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "uncaught: %s\n", error.what());
    std::terminate();
  }
  return 0;
}
