// What tests take from outside: fixtures, a place for files, the built program.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hone::test {

namespace fs = std::filesystem;

// The folder of real models, tokenizers and data that HONE_FIXTURES names; empty where it names none.
std::optional<fs::path> fixtures();
// This checkout, and the program that was built from it.
fs::path source_folder();
fs::path program();
// Committed golden files: tests/golden.
fs::path golden(const std::string& name);

// A folder of its own for one test, gone afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  fs::path write(const std::string& name, const std::string& text) const;  // makes parent folders too

 private:
  fs::path path_;
};

// Runs the built `hone` with arguments, without a shell. Standard input is `input`.
struct Outcome {
  int exit_code = -1;  // 128 + signal where it was killed
  std::string out, err;
};
Outcome run_hone(const std::vector<std::string>& arguments, const std::string& input = {});
// The same, killed with `signal` after `seconds`, or as soon as `file` is there or `when` holds, where they are given.
struct Kill {
  int signal = 9;
  double seconds = 60;
  fs::path file = {};
  std::function<bool()> when = {};
};
Outcome run_hone_and_kill(const std::vector<std::string>& arguments, const Kill& kill);

}  // namespace hone::test

// Skips a test with the reason; with 1 in the environment variable `required` it is a failure.
#define HONE_SKIP(required, why)                                                                                       \
  do {                                                                                                                 \
    if (const char* yes = std::getenv(required); yes && yes[0] == '1') FAIL() << (required) << "=1, and it " << (why); \
    GTEST_SKIP() << (why);                                                                                             \
  } while (false)

// Skips a test that needs fixtures where there are none; with HONE_REQUIRE_FIXTURES=1 that is a failure.
#define HONE_NEEDS_FIXTURES()                                                                                \
  if (!hone::test::fixtures())                                                                               \
    HONE_SKIP("HONE_REQUIRE_FIXTURES", "needs the real models and data of a folder named by HONE_FIXTURES"); \
  static_assert(true)
