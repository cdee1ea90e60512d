// A recipe, and overrides of the command line: each byte 0xFF, which is in no valid text, begins an override. A recipe
// that is accepted names what is there everywhere: "/" for a model, "/dev/null" for data.
#include "recipes/recipe.h"

#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

bool recipe(std::string_view bytes) {
  static const TemporaryFolder folder;
  std::vector<std::string> overrides;
  for (size_t at; (at = bytes.rfind('\xFF')) != bytes.npos; bytes = bytes.substr(0, at))
    overrides.insert(overrides.begin(), std::string(bytes.substr(at + 1)));
  const fs::path path = folder.write("recipe.yaml", std::string(bytes));
  return accepted([&] {
    const recipes::Recipe read = recipes::read_recipe(path, overrides);
    const std::string text = recipes::to_yaml(read);
    const recipes::Recipe again = recipes::read_recipe(folder.write("printed.yaml", text));
    check(recipes::to_json(again) == recipes::to_json(read), "what is printed reads back the same");
    check(recipes::to_yaml(again) == text, "printed twice, it is the same");
  });
}

const FuzzTarget target("recipe", recipe);

}  // namespace
}  // namespace hone::test
