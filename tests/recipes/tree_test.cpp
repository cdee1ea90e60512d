// YAML that means harm, or that other readers take for something else.
#include "recipes/tree.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/recipes/recipe_folder.h"

namespace hone::recipes {
namespace {

std::string refused(const std::string& text) {
  try {
    parse_yaml(text);
    return "";
  } catch (const YamlFault& fault) {
    return joined(fault.problem.place.line, ":", fault.problem.place.column, " ", fault.problem.text);
  }
}

TEST(TreeTest, KeepsPlacesKindsAndQuotes) {
  const Node top = parse_yaml("a: 1\nb:\n  - 'x'\n  - {c: \"y\", d: }\n  -   z z # w\n");
  ASSERT_EQ(top.kind, NodeKind::map);
  EXPECT_EQ(top.find("a")->text, "1");
  EXPECT_EQ(top.members[1].place.line, 2);
  EXPECT_EQ(top.members[1].place.column, 1);
  const Node& list = *top.find("b");
  ASSERT_EQ(list.items.size(), 3u);
  EXPECT_EQ(list.items[0].text, "x");
  EXPECT_TRUE(list.items[0].quoted);
  EXPECT_EQ(list.items[1].find("c")->text, "y");
  EXPECT_EQ(list.items[1].find("d")->kind, NodeKind::null);
  EXPECT_EQ(list.items[2].text, "z z");
  EXPECT_FALSE(list.items[2].quoted);
  EXPECT_EQ(list.items[2].place.line, 5);
  EXPECT_EQ(list.items[2].place.column, 7);
  EXPECT_EQ(top.find("c"), nullptr);
  EXPECT_EQ(parse_yaml("").kind, NodeKind::null);
}

TEST(TreeTest, RefusesWhatRecipesDoNotNeed) {
  EXPECT_EQ(refused("a: &x 1\nb: *x\n"), "1:4 an anchor (&name) is not allowed; write the value out");
  EXPECT_EQ(refused("a: &x [*x]\n"), "1:4 an anchor (&name) is not allowed; write the value out");
  EXPECT_EQ(refused("&x {a: 1}\n").substr(4), "an anchor (&name) is not allowed; write the value out");
  EXPECT_EQ(refused("a: !!str 1\n"), "1:4 a tag (!name) is not allowed; recipes have types of their own");
  EXPECT_EQ(refused("a: !x {b: 1}\n"), "1:4 a tag (!name) is not allowed; recipes have types of their own");
  EXPECT_EQ(refused("a: !<tag:yaml.org,2002:int> 1\n"),
            "1:4 a tag (!name) is not allowed; recipes have types of their own");
  EXPECT_EQ(refused("a: 1\n<<: {b: 2}\n"), "2:1 a merge key (<<) is not allowed; write the keys out");
  EXPECT_EQ(refused("a: 1\nb: 2\na: 3\n"), "3:1 the key \"a\" is here twice");
  EXPECT_EQ(refused("a: {b: 1, 'b': 2}\n"), "1:11 the key \"b\" is here twice");
  EXPECT_EQ(refused("? [a]\n: 1\n"), "1:3 expected a key, a plain word");
  EXPECT_EQ(refused("? {a: 1}\n: 1\n"), "1:3 expected a key, a plain word");
  EXPECT_EQ(refused("~: 1\n"), "1:1 expected a key, a plain word");
  EXPECT_EQ(refused("a: 1\n---\nb: 2\n").substr(3), " a second document (---) is not allowed");
}

TEST(TreeTest, RefusesBrokenText) {
  EXPECT_EQ(refused("a: 1\nb: \xFF\n"), "2:1 the line is not valid UTF-8; save the file as UTF-8");
  EXPECT_EQ(refused("a: \xC0\x80\n"), "1:1 the line is not valid UTF-8; save the file as UTF-8");
  EXPECT_EQ(refused("a: \xED\xA0\x80\n"), "1:1 the line is not valid UTF-8; save the file as UTF-8");
  EXPECT_EQ(refused(std::string("a: 1\0\n", 6)), "1:5 a control character (byte 0) is not allowed");
  EXPECT_EQ(refused(std::string("\0a\0:\0 \0001", 8)), "1:1 a control character (byte 0) is not allowed") << "UTF-16";
  EXPECT_EQ(refused("a: \x1b[31m\n"), "1:4 a control character (byte 27) is not allowed");
  EXPECT_EQ(refused("a: 1\rb: 2\n"), "1:5 a control character (byte 13) is not allowed");
  EXPECT_EQ(refused("a: \"x\\0y\"\n"), "1:4 a zero byte in text is not allowed");
  for (const char* text :
       {"a: [1\n", "a: {b: 1\n", "a: 'x\n", "a: \"x\n", "a: \"\\q\"\n", "a: \"\\ud800\"\n", "a\nb: 1\n", "a: b: c\n",
        "{x:", "a:\n\tb: 1\n", "]", "}", "a: @b\n", "%YAML 9.9\n---\na: 1\n"})
    EXPECT_NE(refused(text), "") << text;
}

TEST(TreeTest, HasLimits) {
  const auto nested = [](int depth) { return std::string(size_t(depth), '[') + std::string(size_t(depth), ']'); };
  EXPECT_EQ(refused(nested(20)), "");
  EXPECT_EQ(refused(nested(21)), "1:21 nested deeper than 20 levels");
  std::string text = "a: '" + std::string(kYamlBytes - 6, 'x') + "'\n";
  ASSERT_EQ(text.size(), kYamlBytes);
  EXPECT_EQ(refused(text), "");
  EXPECT_EQ(refused(text + "\n"), "1:1 larger than 1.0 MiB; is this a recipe?");

  const auto start = std::chrono::steady_clock::now();
  for (const char* piece : {"[", "{a: ", "- ", "? ", "{", "[[", "!", "&a ", "*a ", "'", "\"", "a: ", "a:\n ", "#", "%",
                            "|\n", "- - - ", ", ", ": "}) {
    std::string flood;
    while (flood.size() < 200'000) flood += piece;
    refused(flood);  // ends, without a crash; some of these are valid
  }
  std::string keys;
  for (int i = 0; keys.size() < kYamlBytes - 16; ++i) keys += joined("k", i, ":\n");
  EXPECT_EQ(refused(keys), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60))
      << "work must not grow with the square of the size";
}

// Every prefix of a recipe, and every one-byte change of it, is read or refused; never anything else.
TEST(TreeTest, SurvivesCutAndChangedRecipes) {
  const RecipeFolder in;
  const std::string text =
      "model: {path: 'x', r: 1}\ndata:\n  train: [{path: a, type: text}]\n  b: \"q\\n\"\n  c: |\n    z\n";
  int refusals = 0;
  for (size_t cut = 0; cut <= text.size(); ++cut) refusals += refused(text.substr(0, cut)) != "";
  for (size_t at = 0; at < text.size(); ++at)
    for (const char c : std::string("\0\n\t:[]{}'\"&*!|>%@-?#,\xFF", 22)) {
      std::string changed = text;
      changed[at] = c;
      refusals += refused(changed) != "";
    }
  EXPECT_GT(refusals, 100);
}

}  // namespace
}  // namespace hone::recipes
