// Completion scripts and the manual page, made from the options themselves; the shells that are installed read them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "kernels/host/file.h"
#include "tests/support/environment.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

class Completion : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* shell : {"bash", "zsh", "fish"}) folder_.write(shell, run_hone({"completion", shell}).out);
  }
  // What a shell's command prints.
  std::string shell(const std::string& command, int* code = nullptr) const {
    const int status = std::system(("cd " + folder_.path().string() + " && { " + command + "; } >out 2>err").c_str());
    if (code) *code = status;
    return contents(folder_ / "out") + contents(folder_ / "err");
  }
  // What bash offers for words of which the last is being typed.
  std::string bash(const std::string& words) const {
    return shell("bash --norc -c 'source ./bash; COMP_WORDS=(" + words +
                 "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); compopt() { :; }; _hone; echo \"${COMPREPLY[*]}\"'");
  }
  bool has(const char* program) const {
    int code = 0;
    shell(std::string("command -v ") + program, &code);
    return code == 0;
  }
  TemporaryFolder folder_;
};

TEST_F(Completion, BashOffersVerbsOptionsChoicesKeysAndFiles) {
  folder_.write("support.yaml", "");
  EXPECT_EQ(bash("hone va"), "validate\n");
  EXPECT_EQ(bash("hone train --re"), "--resume\n");
  EXPECT_EQ(bash("hone train sup"), "support.yaml\n");
  EXPECT_EQ(bash("hone tokenize --special \"\""), "parse text\n");
  EXPECT_EQ(bash("hone train support.yaml --set training.lea"), "training.learning_rate=\n");
  EXPECT_EQ(bash("hone recipe c"), "copy\n");
  EXPECT_EQ(bash("hone recipe copy ch"), "chat-qlora\n");
  EXPECT_EQ(bash("hone recipe --des"), "--describe\n");
  EXPECT_EQ(bash("hone completion z"), "zsh\n");
  EXPECT_EQ(bash("hone nothing --x"), "\n");
}

TEST_F(Completion, EveryVerbAndOptionIsInEveryScriptAndInTheManualPage) {
  const std::string manual = run_hone({"man"}).out;
  EXPECT_EQ(manual.find(".TH HONE 1"), 0u);
  for (const char* word : {"validate", "train", "eval", "generate", "merge", "report", "recipe", "tokenize", "resume",
                           "quiet", "adapter"}) {
    for (const char* name : {"bash", "zsh", "fish"})
      EXPECT_NE(contents(folder_ / name).find(word), std::string::npos) << name << " " << word;
    EXPECT_NE(manual.find(word), std::string::npos) << word;
  }
}

TEST_F(Completion, ZshReadsItsScript) {
  if (!has("zsh")) GTEST_SKIP() << "zsh is not installed";
  int code = -1;
  const std::string said = shell("zsh -f -n zsh", &code);
  EXPECT_EQ(code, 0) << said;
}

TEST_F(Completion, FishOffersVerbsAndOptions) {
  if (!has("fish")) GTEST_SKIP() << "fish is not installed";
  int code = -1;
  EXPECT_EQ(shell("fish -n fish", &code), "");
  EXPECT_EQ(code, 0);
  const std::string offered = shell("fish --no-config -c 'source ./fish; complete -C \"hone train --re\"'");
  EXPECT_EQ(offered.find("--resume"), 0u) << offered;
  EXPECT_EQ(shell("fish --no-config -c 'source ./fish; complete -C \"hone vali\"'").find("validate"), 0u);
}

}  // namespace
}  // namespace hone::test
