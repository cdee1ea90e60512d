// The program from outside: exit codes, what goes to which stream, what an unknown word is told.
#include <gtest/gtest.h>

#include <cstdlib>

#include "kernels/host/file.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

constexpr const char* kEnd = "\n1 problem, nothing was started.  (hone recipe --describe lists every key)\n";

struct Recipe {
  TemporaryFolder folder;
  std::string rows = folder.write("rows.jsonl", "{}\n"), model = folder.path();
  std::string file =
      folder.write("support.yaml", "model: {path: " + model + "}\ndata: {train: [{path: " + rows + ", type: text}]}\n");
};

TEST(CommandLineTest, AloneItListsItsVerbs) {
  const Outcome alone = run_hone({});
  EXPECT_EQ(alone.exit_code, 0);
  EXPECT_EQ(alone.err, "");
  size_t last = 0;
  for (const char* verb : {"\n  hone validate ", "\n  hone recipe ", "\n  hone tokenize "}) {
    EXPECT_GT(alone.out.find(verb), last) << verb;
    last = alone.out.find(verb);
  }
  EXPECT_NE(alone.out.find("For example:"), std::string::npos);
  EXPECT_EQ(run_hone({"--help"}).out, alone.out);
  EXPECT_EQ(run_hone({"--version"}).out.find("hone "), 0u);
  const Outcome help = run_hone({"validate", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("Usage: hone validate"), std::string::npos) << help.out;
}

TEST(CommandLineTest, UnknownWordsExitWith2AndTheNearestName) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> table{
      {{"validat"}, "no verb is called validat; did you mean validate?  (hone alone lists them)"},
      {{"validat", "--set", "a=b", "x.yaml"},
       "no verb is called validat; did you mean validate?  (hone alone lists them)"},
      {{"zzzzzz"}, "no verb is called zzzzzz  (hone alone lists them)"},
      {{"--versoin"}, "unknown option --versoin; did you mean --version?  (hone --help)"},
      {{"validate", "a.yaml", "--sett", "a=b"}, "unknown option --sett; did you mean --set?  (hone validate --help)"},
      {{"validate", "a.yaml", "--sett=b"}, "unknown option --sett; did you mean --set?  (hone validate --help)"},
      {{"validate"}, "RECIPE is required  (hone validate --help)"},
      {{"validate", "a.yaml", "b.yaml"}, "one argument too many: b.yaml  (hone validate --help)"},
      {{"recipe", "--describe", "lora_alhpa"},
       "no section or key is called lora_alhpa; did you mean lora_alpha?  (hone recipe --describe lists every key)"},
  };
  for (const auto& [arguments, said] : table) {
    const Outcome outcome = run_hone(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << said;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "hone: " + said + "\n");
  }
  EXPECT_EQ(run_hone({"tokenize", ".", "--special", "maybe"}).exit_code, 2);
}

TEST(CommandLineTest, ValidateSaysWhatIsWrong) {
  const Recipe recipe;
  const Outcome good = run_hone({"validate", recipe.file, "--set", "training.seed=3"});
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_EQ(good.out, recipe.file + ": no problems, nothing was started\n");
  EXPECT_EQ(good.err, "");

  // --set takes one value: the recipe may follow it.
  const Outcome bad = run_hone({"validate", "--set", "training.sed=3", "--set=training.seed=4", recipe.file});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_EQ(bad.out, "");
  EXPECT_EQ(bad.err, std::string("--set training.sed=3   unknown key; did you mean seed?") + kEnd);

  const std::string wrong = recipe.folder.write(
      "wrong.yaml", "model: {path: " + recipe.model + "}\ndata: {train: [{path: " + recipe.rows + ", type: txt}]}\n");
  EXPECT_EQ(run_hone({"validate", wrong}).err.find(wrong + ":2:"), 0u);

  const Outcome missing = run_hone({"validate", (recipe.folder / "suport.yaml")});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_EQ(missing.err,
            "hone: no such file: " + (recipe.folder / "suport.yaml").string() + " (nearest: " + recipe.file + ")\n");
}

TEST(CommandLineTest, RecipeDescribesItsKeys) {
  const Outcome all = run_hone({"recipe", "--describe"});
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_NE(all.out.find("\ntraining.learning_rate   number, at least 0   default: "), std::string::npos) << all.out;
  EXPECT_EQ(run_hone({"recipe", "--describe", "adapter.r"}).out.find("adapter.r   integer, at least 1"), 0u);
  const Json list = parse_json(run_hone({"recipe", "--describe", "--json"}).out, "describe");
  EXPECT_GT(list.size(), 40u);
  EXPECT_EQ(parse_json(run_hone({"recipe", "--describe", "r", "--json"}).out, "describe")[0]["default"], 16);
}

// Two letters and a merge. Expected ids and text: the tokenizers library 0.23.3.
void write_tokenizer(const TemporaryFolder& folder) {
  folder.write("tokenizer.json", R"({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [
    {"id": 6, "content": "<s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
              "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
              "vocab": {"a": 0, "b": 1, "ab": 2, "<": 3, "s": 4, ">": 5}, "merges": ["a b"]}})");
}

TEST(CommandLineTest, TokenizeReadsLinesAndRefusesBadModels) {
  const TemporaryFolder folder;
  EXPECT_EQ(run_hone({"tokenize", folder.path()}).exit_code, 3);
  write_tokenizer(folder);
  const Outcome lines = run_hone({"tokenize", folder.path()}, "abba\n<s>\n\n");
  EXPECT_EQ(lines.exit_code, 0) << lines.err;
  EXPECT_EQ(lines.out, "2 1 0\n6\n\n");
  EXPECT_EQ(run_hone({"tokenize", folder.path(), "--special", "text"}, "<s>\n").out, "3 4 5\n");
  EXPECT_EQ(parse_json(run_hone({"tokenize", folder.path(), "--json"}, "{\"text\": \"ab<s>\"}\n").out, "line"),
            (Json{{"ids", {2, 6}}, {"decoded", "ab <s>"}}));
  EXPECT_EQ(run_hone({"tokenize", folder.path(), "--json"}, "no json\n").exit_code, 3);
}

// The exit code of `hone <command>` in a shell, so that its streams can be what run_hone never makes them.
int in_shell(const std::string& command) {
  const TemporaryFolder folder;
  write_tokenizer(folder);
  const std::string line =
      "cd " + folder.path().string() + "; hone() { " + program().string() + " \"$@\"; echo $? >code; }; " + command;
  if (std::system(line.c_str()) < 0) return -1;
  return std::stoi(read_text(folder / "code"));
}

TEST(CommandLineTest, StandardStreamsMayBeClosedOrFull) {
  EXPECT_EQ(in_shell("hone recipe --describe >/dev/null"), 0);
  EXPECT_EQ(in_shell("hone recipe --describe >/dev/full 2>/dev/null"), 4);
  EXPECT_EQ(in_shell("hone recipe --describe >&-"), 0) << "as with > /dev/null";
  EXPECT_EQ(in_shell("hone recipe --describe | true"), 0);
  EXPECT_EQ(in_shell("hone validate nowhere.yaml 2>&-"), 2);
  EXPECT_EQ(in_shell("hone tokenize . <&- >/dev/null"), 0);
  EXPECT_EQ(in_shell("yes ab | hone tokenize . | head -1 >/dev/null"), 0) << "must end when nobody reads";
  EXPECT_EQ(in_shell("yes ab | hone tokenize . >/dev/full 2>/dev/null"), 4);
}

TEST(CommandLineTest, NothingDependsOnTheLocale) {
  const Recipe recipe;
  for (const char* locale : {"C", "de_DE.UTF-8", "ja_JP.UTF-8"})
    EXPECT_EQ(in_shell("LC_ALL=" + std::string(locale) + " hone validate " + recipe.file +
                       " --set training.learning_rate=2.5e-4 >/dev/null"),
              0)
        << locale;
}

}  // namespace
}  // namespace hone::test
