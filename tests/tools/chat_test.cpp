// hone chat, generate, merge and export from outside: a tiny model that learned three conversations by heart.
#include <gtest/gtest.h>

#include "kernels/host/file.h"
#include "kernels/host/json.h"
#include "tests/support/letters.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

constexpr const char* kConfig =
    R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 48, "intermediate_size": 64,
  "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 24, "vocab_size": 80,
  "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true,
  "eos_token_id": 2})";
constexpr const char* kRows =
    R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}, {"role": "user", "content": "again"}, {"role": "assistant", "content": "yo yo"}]}
{"messages": [{"role": "user", "content": "again"}, {"role": "assistant", "content": "what"}]}
{"messages": [{"role": "user", "content": "smile"}, {"role": "assistant", "content": "so 🙂!"}]}
)";

// Trained once for all tests: every parameter, from random weights.
class ChatVerb : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    folder_->write("base/config.json", kConfig);
    write_letters_tokenizer(*folder_, "base");
    folder_->write("rows.jsonl", kRows);
    folder_->write("talk.yaml", "model: {path: " + (*folder_ / "base").string() +
                                    ", weights: random, quantization: none, threads: 1}\nadapter: {type: none}\n" +
                                    "data: {train: [{path: " + (*folder_ / "rows.jsonl").string() +
                                    ", type: messages}], max_length: 128, chat_layout: chatml}\n" +
                                    "training: {max_steps: 120, learning_rate: 5e-3, warmup_steps: 5}\n" +
                                    "output: {dir: " + (*folder_ / "run").string() + "}\n");
    const Outcome trained = run_hone({"train", (*folder_ / "talk.yaml").string()});
    ASSERT_EQ(trained.exit_code, 0) << trained.out << trained.err;
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string run() { return (*folder_ / "run").string(); }
  static Outcome chat(const std::string& input, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"chat", run()});
    return run_hone(more, input);
  }
  static inline TemporaryFolder* folder_ = nullptr;
};

TEST_F(ChatVerb, AnswersAsItWasTrainedTo) {
  const Outcome outcome = chat("hi\nagain\n/reset\nagain\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "yo\nyo yo\nwhat\n") << "what was said before counts, until /reset";
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(chat("smile").out, "so 🙂!\n") << "a last line without an end; bytes in pieces";
  EXPECT_EQ(chat("smile\n", {"--stop", "🙂"}).out, "so \n");
  EXPECT_EQ(chat("").out, "");
  EXPECT_EQ(chat("hi\n/exit\nagain\n").out, "yo\n");
  EXPECT_EQ(run_hone({"chat", (*folder_ / "run/model").string()}, "hi\n").out, "yo\n")
      << "a model directory: the layout is that of its special tokens";
}

TEST_F(ChatVerb, SaysWhatDoesNotGo) {
  const std::string folder = folder_->path();
  const std::vector<std::pair<Outcome, std::string>> table{
      {chat("hi\n", {"--context", "12"}), "hone: the context is full: with this request the conversation has "},
      {chat("hi\n", {"--context", "129"}), "hone: --context 129: the model has 128 positions\n"},
      {chat("hi\n", {"--temperature", "-1"}), "hone: --temperature: "},
      {chat("hi\n", {"--layout", "chatlm"}), "hone: --layout: "},
      {chat("hi\n", {"--layout", "text", "--system", "s"}), "hone: --system: this model's rows have no system text"},
      {run_hone({"chat", folder}), "hone: " + folder + ": expected the folder of a run (with recipe.yaml) or a model "},
      {run_hone({"chat", folder + "/run/model", "--set", "a=b"}),
       "hone: --set a=b: " + folder + "/run/model is a model"},
      {run_hone({"export", "gguf", run(), "--out", folder + "/x.gguf"}), "hone: " + run() + ": gguf holds an adapter"}};
  for (const auto& [outcome, words] : table) {
    EXPECT_EQ(outcome.exit_code, 2) << words;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err.find(words), 0u) << outcome.err << "\nexpected: " << words;
  }
  const Outcome bytes = chat("hi\n\xFF\n");
  EXPECT_EQ(bytes.exit_code, 3) << bytes.err;
  EXPECT_EQ(bytes.out, "yo\n");
  EXPECT_EQ(run_hone({"chat", (*folder_ / "base").string()}, "hi\n").exit_code, 3) << "a directory without weights";
}

TEST_F(ChatVerb, GenerateGoesOnFromStandardInput) {
  const std::string prompt = "<|im_start|>user\nsmile<|im_end|>\n<|im_start|>assistant\n";
  const Outcome typed = run_hone({"generate", run(), "--prompt", prompt});
  EXPECT_EQ(typed.exit_code, 0) << typed.err;
  EXPECT_EQ(typed.out, "so 🙂!\n");
  EXPECT_EQ(run_hone({"generate", run(), "--prompt", "-"}, prompt + "\n").out, typed.out);
  const Json json = parse_json(run_hone({"generate", run(), "--prompt", prompt, "--json"}).out, "out");
  EXPECT_EQ(json.at("text"), "so 🙂!");
  EXPECT_EQ(json.at("ids").size(), 8u);
  EXPECT_EQ(run_hone({"generate", run(), "--prompt", prompt, "--max-new-tokens", "5"}).out,
            "so \xEF\xBF\xBD\xEF\xBF\xBD\n")
      << "two bytes of a character that was cut";
}

TEST(ExportVerb, WritesTheAdapterOfARunAndMergesIt) {
  const TinyRun tiny;
  const std::string run = (tiny / "run").string(), file = (tiny / "out/adapter.gguf").string();
  const Outcome before = run_hone({"export", "gguf", run, "--out", file});
  EXPECT_EQ(before.exit_code, 2);
  ASSERT_EQ(run_hone(tiny.train("run", {"--set", "training.max_steps=3"})).exit_code, 0);
  const Outcome exported = run_hone({"export", "gguf", run, "--out", file});
  EXPECT_EQ(exported.exit_code, 0) << exported.err;
  EXPECT_NE(exported.out.find("--lora " + file), std::string::npos) << exported.out;
  const std::string whole = contents(file);
  EXPECT_EQ(whole.substr(0, 8), std::string("GGUF\3\0\0\0", 8));
  EXPECT_NE(whole.find("blk.1.ffn_down.weight.lora_b"), std::string::npos);
  const std::vector<std::string> by_recipe{
      "export", "gguf", (tiny / "recipe.yaml").string(), "--adapter", run + "/adapter", "--out", file, "--type", "f16"};
  EXPECT_EQ(run_hone(by_recipe).exit_code, 0);
  EXPECT_LT(contents(file).size(), whole.size() * 2 / 3);
  EXPECT_EQ(run_hone({"export", "gguf", run, "--out", (tiny / "recipe.yaml").string()}).exit_code, 2);
  EXPECT_EQ(contents(tiny / "recipe.yaml").find("model:"), 0u) << "is not replaced";
  EXPECT_EQ(run_hone({"export", "onnx", run, "--out", file}).exit_code, 2);

  const Outcome merged = run_hone({"merge", run, "--out", (tiny / "merged").string()});
  EXPECT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_NE(merged.out.find("with the adapter added in"), std::string::npos) << merged.out;
}

}  // namespace
}  // namespace hone::test
