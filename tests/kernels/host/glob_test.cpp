#include "kernels/host/glob.h"

#include <gtest/gtest.h>

#include "tests/support/environment.h"

namespace hone {
namespace {

TEST(Glob, FindsWhatAShellWould) {
  const test::TemporaryFolder folder;
  for (const char* name : {"b.jsonl", "a.jsonl", "a.txt", ".hidden.jsonl", "x/c.jsonl", "x/y/d.jsonl", "x/y/e1.json",
                           "x/y/e2.json", ".git/f.jsonl"})
    folder.write(name, "");
  std::filesystem::create_directory_symlink(folder.path(), folder / "x/loop");
  const auto found = [&](const std::string& pattern) {
    std::string names;
    for (const auto& file : files_matching((folder / pattern).string()))
      names += (names.empty() ? "" : " ") + file.lexically_relative(folder.path()).string();
    return names;
  };
  EXPECT_EQ(found("*.jsonl"), "a.jsonl b.jsonl");
  EXPECT_EQ(found("?.txt"), "a.txt");
  EXPECT_EQ(found("[!a].jsonl"), "b.jsonl");
  EXPECT_EQ(found("*/c.jsonl"), "x/c.jsonl");
  EXPECT_EQ(found("**/*.jsonl"), "a.jsonl b.jsonl x/c.jsonl x/y/d.jsonl");  // links to folders are not followed
  EXPECT_EQ(found("x/**/e[12].json"), "x/y/e1.json x/y/e2.json");
  EXPECT_EQ(found("**/y/*"), "x/y/d.jsonl x/y/e1.json x/y/e2.json");
  EXPECT_EQ(found(".h*"), ".hidden.jsonl");
  EXPECT_EQ(found("none/*"), "");
  EXPECT_EQ(found("x"), "");  // a folder is no file
  EXPECT_EQ(found("a.jsonl"), "a.jsonl");
  EXPECT_TRUE(is_pattern("a/b?.json"));
  EXPECT_FALSE(is_pattern("a/b.json"));
}

}  // namespace
}  // namespace hone
