// What a wrong recipe is told: place, key, what is wrong, what was meant.
#include <gtest/gtest.h>

#include "tests/recipes/recipe_folder.h"

namespace hone::recipes {
namespace {

TEST(ProblemsTest, AllAreToldAtOnceInTheFilesOrder) {
  const RecipeFolder in;
  in.folder.write("support.jsonl", "");
  EXPECT_EQ(
      in.problems("model:\n  path: " + in.model +
                  "\nadapter:\n  type: lora\n  lora_alhpa: 32\ndata:\n  train: [{path: " + in.folder.path().string() +
                  "/suport.jsonl, type: messages}]\ntraining:\n  learning_rate: 2e-4x\n"),
      "support.yaml:5:3   adapter.lora_alhpa   unknown key; did you mean lora_alpha?\n"
      "support.yaml:7:18   data.train[0].path   no such file: suport.jsonl (nearest: support.jsonl)\n"
      "support.yaml:9:18   training.learning_rate   expected a number, got \"2e-4x\"\n"
      "3 problems, nothing was started.  (hone recipe --describe lists every key)");
}

TEST(ProblemsTest, AnEmptyRecipeIsToldWhatItNeeds) {
  const RecipeFolder in;
  for (const char* text : {"", "\n", "# nothing\n", "~\n", "{}\n", "model:\ndata:\n"}) {
    const std::string said = in.problems(text);
    EXPECT_NE(said.find("model.path   missing: the folder of the model\n"), std::string::npos) << said;
    EXPECT_NE(
        said.find("data.train   missing: files to learn from, [{path: data/a.jsonl, type: messages}]\n2 problems"),
        std::string::npos)
        << said;
  }
}

TEST(ProblemsTest, UnknownKeysGetTheNearestName) {
  const RecipeFolder in;
  EXPECT_EQ(in.problem("training: {sed: 1}\n"), "support.yaml:4:12   training.sed   unknown key; did you mean seed?");
  EXPECT_EQ(in.problem("trainig: {seed: 1}\n"), "support.yaml:4:1   trainig   unknown key; did you mean training?");
  EXPECT_EQ(in.problem("seed: 1\n"), "support.yaml:4:1   seed   unknown key; did you mean training.seed?");
  EXPECT_EQ(in.problem("output: {seed: 1}\n"),
            "support.yaml:4:10   output.seed   unknown key; did you mean training.seed?");
  EXPECT_EQ(in.problem("output: {zzzzzz: 1}\n"), "support.yaml:4:10   output.zzzzzz   unknown key");
  EXPECT_EQ(in.problem("output: {Keep: 1}\n"), "support.yaml:4:10   output.Keep   unknown key; did you mean keep?");
  EXPECT_EQ(in.problem("output: {\"ke\\e[31mep\": 1}\n"), "support.yaml:4:10   output.ke?[31mep   unknown key");
  EXPECT_EQ(in.problem("output: {kéep: 1}\n"), "support.yaml:4:10   output.kéep   unknown key; did you mean keep?");
  EXPECT_EQ(in.problem("  evaluation: [{path: " + in.other + ", type: text, typ: a}]\n").substr(0, 15),
            "support.yaml:4:");
  EXPECT_NE(in.problem("  evaluation: [{path: " + in.other + ", type: text, typ: a}]\n")
                .find("data.evaluation[0].typ   unknown key; did you mean type?"),
            std::string::npos);
}

TEST(ProblemsTest, WrongTypesSayWhatWasExpectedAndWhatCame) {
  const RecipeFolder in;
  const std::vector<std::array<std::string, 3>> table{
      // key, value, said
      {"training.seed", "1.0", "expected an integer, got \"1.0\""},
      {"training.seed", "010", "expected an integer, got \"010\""},
      {"training.seed", "0x10", "expected an integer, got \"0x10\""},
      {"training.seed", "0o17", "expected an integer, got \"0o17\""},
      {"training.seed", "1_000", "expected an integer, got \"1_000\""},
      {"training.seed", "1e3", "expected an integer, got \"1e3\""},
      {"training.seed", "12:30", "expected an integer, got \"12:30\""},
      {"training.seed", "yes", "expected an integer, got \"yes\""},
      {"training.seed", "'17'", "expected an integer, got \"17\", text because of its quotes"},
      {"training.seed", "9223372036854775808", "expected an integer, got \"9223372036854775808\""},
      {"training.seed", "[1]", "expected an integer, got a list"},
      {"training.seed", "{a: 1}", "expected an integer, got a map of keys"},
      {"training.seed", "", "expected an integer, got nothing; leave the key out for its default"},
      {"training.seed", "null", "expected an integer, got nothing; leave the key out for its default"},
      {"training.learning_rate", "2,5", "expected a number, got \"2,5\""},
      {"training.learning_rate", "1e999", "expected a number, got \"1e999\""},
      {"training.learning_rate", ".nan", "expected a number, got \".nan\""},
      {"training.learning_rate", "nan", "expected a number, got \"nan\""},
      {"training.learning_rate", ".inf", "expected a number, got \".inf\""},
      {"training.learning_rate", "inf", "expected a number, got \"inf\""},
      {"training.learning_rate", "0x1p3", "expected a number, got \"0x1p3\""},
      {"training.learning_rate", "01.5", "expected a number, got \"01.5\""},
      {"training.learning_rate", "\"1e-4\"", "expected a number, got \"1e-4\", text because of its quotes"},
      {"data.packing", "yes", "expected true or false, got \"yes\""},
      {"data.packing", "no", "expected true or false, got \"no\""},
      {"data.packing", "True", "expected true or false, got \"True\""},
      {"data.packing", "1", "expected true or false, got \"1\""},
      {"data.packing", "'true'", "expected true or false, got \"true\", text because of its quotes"},
      {"data.train_on", "answer", "expected answers, all or last, got \"answer\"; did you mean answers?"},
      {"model.quantization", "int8", "expected nf4 or none, got \"int8\""},
      {"model.device", "[cpu]", "expected auto, cpu or cuda, got a list"},
      {"output.dir", "[a]", "expected text, got a list"},
      {"adapter.target_modules", "{a: 1}",
       "expected all-linear, a list of names, or a regular expression, got a map of keys"},
      {"adapter.target_modules", "''", "empty: no layer would get an adapter"},
      {"adapter.target_modules", "[]", "empty: no layer would get an adapter"},
      {"training.sample_prompts", "hello", "expected a list of text, got \"hello\""},
      {"output.save_every", "30", ""},
      {"output.save_every", "0", "expected a number of steps, or a time such as 30min, 2h, 45s, at least 1, got \"0\""},
      {"output.save_every", "-5",
       "expected a number of steps, or a time such as 30min, 2h, 45s, at least 1, got \"-5\""},
      {"output.save_every", "0min",
       "expected a number of steps, or a time such as 30min, 2h, 45s, at least 1, got \"0min\""},
      {"output.save_every", "1.5h",
       "expected a number of steps, or a time such as 30min, 2h, 45s, at least 1, got \"1.5h\""},
      {"output.save_every", "30 min",
       "expected a number of steps, or a time such as 30min, 2h, 45s, at least 1, got \"30 min\""},
      {"output.save_every", "30m",
       "expected a number of steps, or a time such as 30min, 2h, 45s, at least 1, got \"30m\""},
      {"output.save_every", "9223372036854775807h",
       "expected a number of steps, or a time such as 30min, 2h, 45s, at least 1, got \"9223372036854775807h\""},
  };
  for (const auto& [key, value, said] : table) {
    const std::string set = key + "=" + value;
    EXPECT_EQ(in.problems(in.minimal(), {set}),
              said.empty() ? ""
                           : "--set " + set + "   " + said +
                                 "\n1 problem, nothing was started.  (hone recipe --describe lists every key)");
  }
}

TEST(ProblemsTest, LimitsAreToldOnBothSides) {
  const RecipeFolder in;
  const std::vector<std::array<std::string, 3>> table{
      {"adapter.r", "0", "at least 1"},
      {"adapter.r", "1", ""},
      {"adapter.r", "65536", ""},
      {"adapter.r", "65537", "at most 65536"},
      {"adapter.lora_alpha", "-1", "at least 0"},
      {"adapter.lora_dropout", "-0.1", "at least 0"},
      {"adapter.lora_dropout", "0.99", ""},
      {"adapter.lora_dropout", "1", "less than 1"},
      {"model.threads", "-1", "at least 0"},
      {"data.evaluation_split", "1", "less than 1"},
      {"data.max_length", "1", "at least 2"},
      {"data.max_length", "2", ""},
      {"data.max_length", "16777217", "at most 16777216"},
      {"training.epochs", "0", "more than 0"},
      {"training.max_steps", "-1", "at least 0"},
      {"training.batch_tokens", "-1", "at least 0"},
      {"training.micro_batch_size", "0", "at least 1"},
      {"training.gradient_accumulation_steps", "0", "at least 1"},
      {"training.learning_rate", "-1e-9", "at least 0"},
      {"training.learning_rate", "0", ""},
      {"training.warmup_ratio", "1", ""},
      {"training.warmup_ratio", "1.01", "at most 1"},
      {"training.warmup_steps", "-1", "at least 0"},
      {"training.seed", "-1", "at least 0"},
      {"training.adam_beta1", "1", "less than 1"},
      {"training.adam_beta2", "-1", "at least 0"},
      {"training.adam_epsilon", "-1", "at least 0"},
      {"training.weight_decay", "-1", "at least 0"},
      {"training.max_grad_norm", "-1", "at least 0"},
      {"training.eval_steps", "-1", "at least 0"},
      {"output.keep", "0", "at least 1"},
  };
  for (const auto& [key, value, limit] : table) {
    const std::string set = key + "=" + value;
    EXPECT_EQ(in.problems(in.minimal(), {set}),
              limit.empty() ? ""
                            : "--set " + set + "   expected " + limit + ", got \"" + value +
                                  "\"\n1 problem, nothing was started.  (hone recipe --describe lists every key)");
  }
}

TEST(ProblemsTest, KeysThatExcludeOrNeedEachOther) {
  const RecipeFolder in;
  EXPECT_EQ(in.problem("", {"model.shape=llama-8b"}),
            "--set model.shape=llama-8b   excludes model.path; leave one of them out");
  EXPECT_EQ(in.problem("adapter: {type: none}\n"),
            "support.yaml:4:17   adapter.type   none trains every parameter, which needs model.quantization: none");
  EXPECT_EQ(in.problem("adapter:\n  type: none\n  path: " + in.model + "\n", {"model.quantization=none"}),
            "support.yaml:6:9   adapter.path   needs adapter.type: lora");
  EXPECT_EQ(in.problem("  evaluation: [{path: " + in.other + ", type: text}]\n  evaluation_split: 0.1\n"),
            "support.yaml:5:21   data.evaluation_split   excludes data.evaluation; leave one of them out");
  EXPECT_EQ(in.problem("training:\n  batch_tokens: 512\n  micro_batch_size: 1\n"),
            "support.yaml:6:21   training.micro_batch_size   excludes training.batch_tokens; leave one of them out");
  EXPECT_EQ(in.problem("training:\n  batch_tokens: 512\n  gradient_accumulation_steps: 1\n"),
            "support.yaml:6:32   training.gradient_accumulation_steps   excludes training.batch_tokens; leave one of "
            "them out");
  EXPECT_EQ(in.problems(in.minimal() + "training: {batch_tokens: 0, micro_batch_size: 2}\n"), "");
  EXPECT_EQ(in.problem("training:\n  warmup_steps: 5\n  warmup_ratio: 0.1\n"),
            "support.yaml:6:17   training.warmup_ratio   excludes training.warmup_steps; leave one of them out");
  EXPECT_EQ(in.problems(in.minimal(), {"training.warmup_steps=5", "training.warmup_ratio=0"}), "");
  EXPECT_EQ(in.problems(in.minimal(), {"model.weights=random"}), "");
  EXPECT_EQ(in.problems(in.minimal(), {"model.weights=random", "adapter.type=none", "model.quantization=none"}), "");
}

TEST(ProblemsTest, FilesThatAreNotThere) {
  const RecipeFolder in;
  const std::string place = in.folder.path().string() + "/";
  EXPECT_EQ(in.problem("adapter: {path: " + place + "modle}\n"),
            "support.yaml:4:17   adapter.path   no such file: modle (nearest: model)");
  EXPECT_EQ(in.problem("adapter: {path: " + in.rows + "}\n"),
            "support.yaml:4:17   adapter.path   not a folder: rows.jsonl");
  EXPECT_EQ(in.problem("", {"model.path=" + place + "x"}).find("--set model.path="), 0u);
  EXPECT_EQ(in.problem("  evaluation: [{path: " + in.model + ", type: text}]\n"),
            "support.yaml:4:23   data.evaluation[0].path   a folder, not a file: model; name its files, such as "
            "model/*.jsonl");
  EXPECT_EQ(in.problem("  evaluation: [{path: [" + in.rows + ", " + place + "*.json], type: text}]\n"),
            "support.yaml:4:23   data.evaluation[0].path   no file matches *.json");
  EXPECT_EQ(in.problem("  evaluation: [{path: {a: b}, type: text}]\n"),
            "support.yaml:4:23   data.evaluation[0].path   expected a file, a pattern, or a list of them, got a map of "
            "keys");
  EXPECT_NE(in.problem("  evaluation: [{path: " + in.rows + ", type: text, fields: [a]}]\n")
                .find("data.evaluation[0].fields   expected a map such as {messages: dialog}, got a list"),
            std::string::npos);
  EXPECT_EQ(in.problem("  evaluation: [{path: '', type: text}]\n"),
            "support.yaml:4:23   data.evaluation[0].path   missing: which file?");
  EXPECT_EQ(in.problem("  evaluation: [{type: text}]\n"),
            "support.yaml:4:16   data.evaluation[0].path   missing: which file?");
  EXPECT_EQ(in.problem("  evaluation: [{path: " + in.other + "}]\n"),
            "support.yaml:4:16   data.evaluation[0].type   missing: messages, alpaca, completion, text … (hone recipe "
            "--describe "
            "type)");
  EXPECT_EQ(in.problem("  evaluation: [" + in.other + "]\n"),
            "support.yaml:4:16   data.evaluation[0]   expected {path: …, type: …}, got \"other.jsonl\"");
  EXPECT_EQ(in.problem("  evaluation: {path: a}\n"),
            "support.yaml:4:15   data.evaluation   expected a list such as [{path: data/a.jsonl, type: messages}], got "
            "a map of keys");
  EXPECT_EQ(in.problem("  evaluation: [{path: " + std::string(4096, 'a') + ", type: text}]\n"),
            "support.yaml:4:23   data.evaluation[0].path   longer than a path can be, 4095 bytes");
  EXPECT_EQ(in.problems("model: {path: " + in.model + "}\ndata: {train: []}\n")
                .find("support.yaml:2:15   data.train   missing: files"),
            0u);
}

TEST(ProblemsTest, SectionsThatAreNone) {
  const RecipeFolder in;
  EXPECT_EQ(in.problem("training: 5\n"), "support.yaml:4:11   training   expected keys of this section, got \"5\"");
  EXPECT_EQ(in.problem("training: [seed]\n"),
            "support.yaml:4:11   training   expected keys of this section, got a list");
  EXPECT_EQ(
      in.problems("- a\n").find(
          "support.yaml:1:1   recipe   expected the sections model, adapter, data, training, output, got a list\n"),
      0u);
  EXPECT_EQ(in.problems("hello\n").find("support.yaml:1:1   recipe   expected the sections"), 0u);
}

TEST(ProblemsTest, OverridesThatAreNone) {
  const RecipeFolder in;
  const std::string expected = "expected a key such as training.seed or data.train[0].path before the =";
  for (const char* set : {"=1", ".=1", "training.=1", "training..seed=1", "data.train[=1", "data.train[]=1",
                          "data.train[a]=1", "data.train[-1]=1", "data.train[0=1", "data.train[0]x=1", "[0]=1"})
    EXPECT_EQ(in.problem("", {set}), std::string("--set ") + set + "   " + expected);
  EXPECT_EQ(in.problem("", {"training.seed"}), "--set training.seed   expected key=value");
  EXPECT_EQ(in.problem("", {"training.sed=1"}), "--set training.sed=1   unknown key; did you mean seed?");
  EXPECT_EQ(in.problem("", {"training={sed: 1}"}),
            "--set training={sed: 1}   training.sed   unknown key; did you mean seed?");
  EXPECT_EQ(in.problem("", {"data.train[2].type=text"}),
            "--set data.train[2].type=text   the list has 1 entries, the next one is [1]");
  EXPECT_EQ(in.problem("", {"data.train.path=a"}), "--set data.train.path=a   the recipe has no keys there");
  EXPECT_EQ(in.problem("training: {seed: 1}\n", {"training.seed[0]=1"}),
            "--set training.seed[0]=1   the recipe has no list there");
  EXPECT_EQ(
      in.problem("", {"output.dir=*a"}),
      "--set output.dir=*a   an alias (*name) is not allowed; write the value out, or quote text that begins with *");
  EXPECT_EQ(in.problem("", {"data.train[18446744073709551616].type=text"}),
            "--set data.train[18446744073709551616].type=text   " + expected);
  // A key that is missing is not the fault of an override in its section.
  EXPECT_EQ(in.problems("model: {path: " + in.model + "}\n", {"data.max_length=5"})
                .find("support.yaml:1:1   data.train   missing"),
            0u);
}

TEST(ProblemsTest, ARecipeThatIsNotThere) {
  const RecipeFolder in;
  try {
    read_recipe(in.folder / "support.yml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_EQ(std::string(error.what()), "no such file: " + (in.folder / "support.yml").string());
  }
  EXPECT_THROW(read_recipe(in.folder.path()), Error);
}

}  // namespace
}  // namespace hone::recipes
