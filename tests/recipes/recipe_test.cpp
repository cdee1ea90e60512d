// Every key: read from the file, from an override, printed, and read back.
#include "recipes/recipe.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/recipes/recipe_folder.h"

namespace hone::recipes {
namespace {

struct KeyCase {
  std::string key, yaml;
  Json value;                       // in to_json
  std::vector<std::string> also{};  // overrides without which the key may not be set
};

// data.check with these limits, all others absent.
Json check_of(const Json& limits) {
  Json all = to_json(Recipe{}).at("data").at("check");
  for (auto& [key, limit] : all.items()) EXPECT_TRUE(limit.is_null()) << key;
  EXPECT_EQ(all.size(), 13u);
  all.update(limits);
  return all;
}

std::vector<KeyCase> cases(const RecipeFolder& in) {
  const Json file{{"path", in.other}, {"type", "completion"}};
  const std::string files = "[{path: " + in.other + ", type: completion}]";
  return {
      {"model.path", in.other_model, in.other_model},
      {"model.shape", "llama-8b", "llama-8b", {"model.path=''"}},
      {"model.weights", "random", "random"},
      {"model.quantization", "none", "none"},
      {"model.double_quantization", "false", false},
      {"model.compute", "bfloat16", "bfloat16"},
      {"model.device", "cuda", "cuda"},
      {"model.cache", "caches/bases", "caches/bases"},
      {"model.threads", "3", 3},
      {"adapter.type", "none", "none", {"model.quantization=none"}},
      {"adapter.r", "8", 8},
      {"adapter.lora_alpha", "12.5", 12.5},
      {"adapter.lora_dropout", ".05", 0.05},
      {"adapter.target_modules", "[q_proj, v_proj]", {"q_proj", "v_proj"}},
      {"adapter.use_rslora", "true", true},
      {"adapter.path", in.other_model, in.other_model},
      {"data.train", files, Json::array({file})},
      {"data.evaluation", files, Json::array({file})},
      {"data.evaluation_split", "0.02", 0.02},
      {"data.max_length", "4096", 4096},
      {"data.packing", "false", false},
      {"data.packing_method", "sequential", "sequential"},
      {"data.train_on", "last", "last"},
      {"data.shuffle", "false", false},
      {"data.chat_layout", "llama3", "llama3"},
      {"data.train_roles", "[assistant, tool]", {"assistant", "tool"}},
      {"data.chat_template", "'{{ messages }}'", "{{ messages }}"},
      {"data.chat_variables", "[enable_thinking=false]", {"enable_thinking=false"}},
      {"data.chat_date", "2026-11-26", "2026-11-26"},
      {"data.parse_special_tokens", "true", true},
      {"data.too_long", "split", "split"},
      {"data.bad_rows", "skip", "skip"},
      {"data.check", "{max_secrets: 0, max_duplicates: 0.01}",
       check_of({{"max_secrets", 0.0}, {"max_duplicates", 0.01}})},
      {"data.shards", "a b", "a b"},
      {"training.epochs", "0.5", 0.5},
      {"training.max_steps", "1000", 1000},
      {"training.batch_tokens", "32768", 32768},
      {"training.micro_batch_size", "4", 4},
      {"training.gradient_accumulation_steps", "6", 6},
      {"training.learning_rate", "1e-4", 1e-4},
      {"training.lr_scheduler", "constant", "constant"},
      {"training.warmup_ratio", "0.03", 0.03},
      {"training.warmup_steps", "100", 100},
      {"training.seed", "9223372036854775807", 9223372036854775807},
      {"training.optimizer", "adamw_8bit", "adamw_8bit"},
      {"training.adam_beta1", "0", 0.0},
      {"training.adam_beta2", "0.95", 0.95},
      {"training.adam_epsilon", "1E-6", 1e-6},
      {"training.weight_decay", "0.1", 0.1},
      {"training.max_grad_norm", "0", 0.0},
      {"training.eval_steps", "50", 50},
      {"training.recompute", "full", "full"},
      {"training.deterministic", "true", true},
      {"training.sample_prompts", "[\"one: two\", no, 010]", {"one: two", "no", "010"}},
      {"output.dir", "runs/a b", "runs/a b"},
      {"output.save_every", "45s", "45s"},
      {"output.keep", "5", 5},
  };
}

std::set<std::string> keys_of(const Json& recipe) {
  std::set<std::string> keys;
  for (const auto& [section, values] : recipe.items())
    for (const auto& [key, value] : values.items()) keys.insert(section + "." + key);
  return keys;
}

TEST(RecipeTest, DefaultsAreTheDocumentedOnes) {
  const RecipeFolder in;
  const Json expected = {{"model",
                          {{"path", in.model},
                           {"shape", ""},
                           {"weights", "load"},
                           {"quantization", "nf4"},
                           {"double_quantization", true},
                           {"compute", "auto"},
                           {"device", "auto"},
                           {"cache", "auto"},
                           {"threads", 0}}},
                         {"adapter",
                          {{"type", "lora"},
                           {"r", 16},
                           {"lora_alpha", 32.0},
                           {"lora_dropout", 0.0},
                           {"target_modules", "all-linear"},
                           {"use_rslora", false},
                           {"path", ""}}},
                         {"data",
                          {{"train", Json::array({{{"path", in.rows}, {"type", "alpaca"}}})},
                           {"evaluation", Json::array()},
                           {"evaluation_split", 0.0},
                           {"max_length", 2048},
                           {"packing", true},
                           {"packing_method", "best_fit"},
                           {"train_on", "answers"},
                           {"shuffle", true},
                           {"train_roles", {"assistant"}},
                           {"chat_layout", "auto"},
                           {"chat_template", ""},
                           {"chat_variables", Json::array()},
                           {"chat_date", ""},
                           {"parse_special_tokens", false},
                           {"too_long", "auto"},
                           {"bad_rows", "stop"},
                           {"check", check_of(Json::object())},
                           {"shards", ""}}},
                         {"training",
                          {{"epochs", 1.0},
                           {"max_steps", 0},
                           {"batch_tokens", 0},
                           {"micro_batch_size", 1},
                           {"gradient_accumulation_steps", 1},
                           {"learning_rate", 2e-4},
                           {"lr_scheduler", "cosine"},
                           {"warmup_ratio", 0.0},
                           {"warmup_steps", 0},
                           {"seed", 17},
                           {"optimizer", "adamw"},
                           {"adam_beta1", 0.9},
                           {"adam_beta2", 0.999},
                           {"adam_epsilon", 1e-8},
                           {"weight_decay", 0.0},
                           {"max_grad_norm", 1.0},
                           {"eval_steps", 0},
                           {"recompute", "auto"},
                           {"deterministic", false},
                           {"sample_prompts", Json::array()}}},
                         {"output", {{"dir", "runs/support"}, {"save_every", "30min"}, {"keep", 2}}}};
  EXPECT_EQ(to_json(in.read(in.minimal())), expected);
}

TEST(RecipeTest, EveryKeyIsReadOverriddenPrintedAndReadBack) {
  const RecipeFolder in;
  std::set<std::string> seen;
  for (const KeyCase& one : cases(in)) {
    SCOPED_TRACE(one.key);
    seen.insert(one.key);
    std::vector<std::string> overrides = one.also;
    const Json before =
        to_json(in.read(in.minimal(), one.key == "model.shape" ? std::vector<std::string>{} : one.also));
    overrides.push_back(one.key + "=" + one.yaml);
    const Recipe recipe = in.read(in.minimal(), overrides);
    const auto dot = one.key.find('.');
    Json expected = before;
    expected[one.key.substr(0, dot)][one.key.substr(dot + 1)] = one.value;
    if (one.key == "model.shape") expected["model"]["path"] = "";
    EXPECT_EQ(to_json(recipe), expected);
    EXPECT_NE(to_json(recipe), before);
    EXPECT_EQ(in.read(to_yaml(recipe)), recipe) << to_yaml(recipe);
  }
  EXPECT_EQ(seen, keys_of(to_json(Recipe{})));
}

TEST(RecipeTest, EveryWordOfEveryChoiceIsRead) {
  const RecipeFolder in;
  int words = 0;
  for (const Json& entry : describe_json()) {
    if (!entry.contains("choices") || entry["key"].get<std::string>().starts_with("data.evaluation[")) continue;
    std::string key = entry["key"];
    if (const auto at = key.find("[]"); at != key.npos) key.replace(at, 2, "[0]");
    for (const std::string word : entry["choices"]) {
      const Recipe recipe = in.read(
          in.minimal(), {key + "=" + word, key == "adapter.type" ? "model.quantization=none" : "training.seed=17"});
      EXPECT_NE(to_yaml(recipe).find(key.substr(key.rfind('.') + 1) + ": " + word), std::string::npos)
          << key << " " << word;
      ++words;
    }
  }
  EXPECT_EQ(words, 2 + 2 + 3 + 3 + 2 + 2 + 8 + 4 + 3 + 5 + 2 + 3 + 4 + 2);
}

TEST(RecipeTest, FilesHaveManyNamesAndTheirOwnWords) {
  const RecipeFolder in;
  const std::string train = "data.train=[{path: [" + in.rows + ", " + (in.folder / "*er.jsonl").string() +
                            "], type: messages, fields: {messages: dialog, role: \"a b\"}, roles: {customer: user}, "
                            "weight: 0.5, append_end: false}]";
  const Recipe recipe = in.read(in.minimal(), {train});
  const DataFile& file = recipe.data.train[0];
  EXPECT_EQ(file.path.list, (std::vector<std::string>{in.rows, (in.folder / "*er.jsonl").string()}));
  EXPECT_EQ(files_of(file), (std::vector<std::string>{in.rows, in.other}));
  EXPECT_EQ(file.fields, (Renames{{"messages", "dialog"}, {"role", "a b"}}));
  EXPECT_EQ(file.roles, (Renames{{"customer", "user"}}));
  EXPECT_EQ(file.weight, 0.5);
  EXPECT_FALSE(file.append_end);
  EXPECT_EQ(in.read(to_yaml(recipe)), recipe) << to_yaml(recipe);
  EXPECT_EQ(to_json(recipe)["data"]["train"][0].dump(), Json({{"path", file.path.list},
                                                              {"type", "messages"},
                                                              {"fields", {{"messages", "dialog"}, {"role", "a b"}}},
                                                              {"roles", {{"customer", "user"}}},
                                                              {"weight", 0.5},
                                                              {"append_end", false}})
                                                            .dump());
}

TEST(RecipeTest, ReadsTheRecipeOfTheReadme) {
  const RecipeFolder in;
  const Recipe recipe = in.read(R"(# a comment
model:
  path: )" + in.model + R"(    # another
  quantization: nf4
adapter:
  type: lora
  r: 16
  lora_alpha: 32
  lora_dropout: 0.05
  target_modules: all-linear
data:
  train: [{path: )" + in.rows + R"(, type: messages}]
  evaluation_split: 0.02
  max_length: 4096
  packing: true
  train_on: answers
training:
  epochs: 2
  batch_tokens: 32768
  learning_rate: 2e-4
  lr_scheduler: cosine
  warmup_ratio: 0.03
  seed: 17
output:
  dir: runs/support
  save_every: 30min
)");
  EXPECT_EQ(recipe.adapter.lora_dropout, 0.05);
  EXPECT_EQ(recipe.data.train[0].type, RowType::messages);
  EXPECT_EQ(recipe.training.batch_tokens, 32768);
  EXPECT_EQ(recipe.output.save_every, (SaveEvery{0, 1800}));
  EXPECT_EQ(in.read(to_yaml(recipe)), recipe);
}

TEST(RecipeTest, SaveEveryIsStepsOrTime) {
  const RecipeFolder in;
  const auto every = [&](const std::string& text) {
    return in.read(in.minimal(), {"output.save_every=" + text}).output.save_every;
  };
  EXPECT_EQ(every("100"), (SaveEvery{100, 0}));
  EXPECT_EQ(every("30min"), (SaveEvery{0, 1800}));
  EXPECT_EQ(every("'2h'"), (SaveEvery{0, 7200}));
  EXPECT_EQ(every("45s"), (SaveEvery{0, 45}));
  EXPECT_EQ(every("90min"), (SaveEvery{0, 5400}));
  EXPECT_EQ(to_json(in.read(in.minimal(), {"output.save_every=100"}))["output"]["save_every"], 100);
  EXPECT_EQ(to_json(in.read(in.minimal(), {"output.save_every=90min"}))["output"]["save_every"], "90min");
}

TEST(RecipeTest, TextIsTextWhateverYamlMightMakeOfIt) {
  const RecipeFolder in;
  for (const char* text : {"no", "010", "1e-4", "true", "y", "1_000", "0x10", "12:30:00", "2026-01-01"})
    EXPECT_EQ(in.read(in.minimal(), {std::string("output.dir=") + text}).output.dir, text);
  // …and printed text reads back as the same: every character alone, between others, first and last.
  for (char32_t first = 1; first < 0x11000; first += 0x1000) {
    Recipe recipe = in.read(in.minimal());
    std::vector<std::string>& prompts = recipe.training.sample_prompts;
    for (char32_t c = first; c < first + 0x1000; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      std::string one;
      append_utf8(one, c);
      prompts.insert(prompts.end(), {one, "a" + one + "b", one + ": " + one, "- " + one});
    }
    ASSERT_TRUE(in.read(to_yaml(recipe)) == recipe) << "U+" << std::hex << uint32_t(first);
  }
  for (const char* text :
       {" ",   "  two  ", "null", "Null", "NULL", "~",  "...", "---", "-", "?",      "a #b", "#a",       "a: b",
        "{a}", "[a",      "*a",   "&a",   "!a",   "%a", "@a",  "`a",  "'", "\"",     "\\",   "a\n\nb\n", "\ta",
        "<<",  "=",       "|",    ">",    "On",   "1",  "-1",  "1e5", "/", "/a/b.c", "a,b",  "Ω"}) {
    Recipe recipe = in.read(in.minimal());
    recipe.output.dir = text;
    recipe.training.sample_prompts = {text, "second"};
    EXPECT_EQ(in.read(to_yaml(recipe)), recipe) << to_yaml(recipe);
  }
}

TEST(RecipeTest, OverridesReachEverywhereAndTheLaterWins) {
  const RecipeFolder in;
  Recipe recipe = in.read(in.minimal(), {"data.train[0].type=text", "training.seed=1", "training.seed=2"});
  EXPECT_EQ(recipe.data.train[0], (DataFile{in.rows, RowType::text}));
  EXPECT_EQ(recipe.training.seed, 2);
  // The entry after the last is a new one; a section that is empty in the file is filled.
  recipe = in.read(in.minimal() + "training:\noutput: {}\n",
                   {"data.train[1].path=" + in.other, "data.train[1].type=tokens", "training.epochs=3",
                    "output.dir="
                    "\"\""});
  EXPECT_EQ(recipe.data.train[1], (DataFile{in.other, RowType::tokens}));
  EXPECT_EQ(recipe.training.epochs, 3);
  EXPECT_EQ(recipe.output.dir, "runs/support");
  // A whole recipe of overrides.
  EXPECT_EQ(in.read("", {"model.path=" + in.model, "data={train: [{path: " + in.rows + ", type: alpaca}]}"}),
            in.read(in.minimal()));
  // Everything after the first = is the value.
  EXPECT_EQ(in.read(in.minimal(), {"output.dir=a=b"}).output.dir, "a=b");
  EXPECT_EQ(in.read(in.minimal(), {R"(adapter.target_modules=.*\.(q|v)_proj)"}).adapter.target_modules,
            TargetModules(R"(.*\.(q|v)_proj)"));
}

TEST(RecipeTest, SmallFileFormsAreTakenAsTheyAre) {
  const RecipeFolder in;
  const Recipe expected = in.read(in.minimal());
  std::string windows;
  for (const char c : in.minimal()) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(in.read(windows), expected);
  EXPECT_EQ(in.read("\xEF\xBB\xBF" + in.minimal()), expected) << "a byte-order mark";
  EXPECT_EQ(in.read("---\n" + in.minimal() + "...\n"), expected);
  EXPECT_EQ(in.read(in.minimal() + "adapter: # all defaults\n"), expected);
}

}  // namespace
}  // namespace hone::recipes
