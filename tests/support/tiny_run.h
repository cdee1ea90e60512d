// A whole run small enough for a test: a model directory without weights (they start at random), tokenised rows and a
// recipe.
#pragma once
#include <map>
#include <string>

#include "tests/support/environment.h"

namespace hone::test {

class TinyRun {
 public:
  TinyRun();
  // The recipe's path. `settings` are dotted keys and YAML values that are added or replaced.
  fs::path recipe(const std::map<std::string, std::string>& settings = {}) const;
  // Arguments of `hone train` with the output in folder `name`.
  std::vector<std::string> train(const std::string& name, const std::vector<std::string>& more = {}) const;
  fs::path operator/(const std::string& name) const { return folder_ / name; }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

std::string contents(const fs::path& file);  // empty where there is none

}  // namespace hone::test
