// Fuzz targets: readers of files that somebody else wrote, given any bytes. A source of this folder is one target:
//   bool config_json(std::string_view bytes) {
//     return accepted([&] {
//       const Config config = read_config(JsonView(parse_json(bytes, "config.json"), "config.json"));
//       check(config.heads % config.kv_heads == 0, "heads");
//     });
//   }
//   const FuzzTarget target("config_json", config_json);
// In the fuzz build (clang, preset `fuzz`) each becomes a libFuzzer program of its own, run by tools/fuzz. In all other
// builds they are one GoogleTest program, which feeds each target the inputs in corpus/<target> (replay_test.cpp).
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "kernels/host/error.h"
#include "tests/support/environment.h"

namespace hone::test {

// True where the input was taken for what it should be; false where it was refused as it should.
using FuzzBody = bool (*)(std::string_view bytes);

struct FuzzTarget {
  FuzzTarget(const char* name, FuzzBody body);
};
std::map<std::string, FuzzBody>& fuzz_targets();  // by name

// An untrue property of an input that was accepted: a finding, as a crash is.
inline void check(bool holds, const auto&... what) { require(holds, ExitCode::bug, "property: ", what...); }

// Whether `body` ends without an error. An Error with one of the codes that say "your file is wrong" is the right
// answer to a wrong file; all others go on, and are findings.
template <class Body>
bool accepted(Body&& body) {
  try {
    body();
    return true;
  } catch (const Error& error) {
    if (error.code() != ExitCode::input && error.code() != ExitCode::usage) throw;
    return false;
  }
}

}  // namespace hone::test
