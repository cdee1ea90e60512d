// What goes wrong from outside: each case ends with a message that names the place and what to do, the exit code of the
// table, and nothing half-written under a final name.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "checkpoints/formats/safetensors.h"
#include "kernels/host/json.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

class BadInput : public testing::Test {
 protected:
  // The run fails with `code`, says each of `parts`, and leaves no result behind.
  void expect_failure(int code, const std::vector<std::string>& parts, const std::vector<std::string>& more = {}) {
    const Outcome outcome = run_hone(tiny_.train("run", more));
    EXPECT_EQ(outcome.exit_code, code) << outcome.out << outcome.err;
    for (const std::string& part : parts)
      EXPECT_NE(outcome.err.find(part), std::string::npos) << "expected \"" << part << "\" in: " << outcome.err;
    EXPECT_FALSE(fs::exists(tiny_ / "run/adapter"));
    EXPECT_FALSE(fs::exists(tiny_ / "run/summary.json"));
  }
  // Real weights in the model's folder, as a merge of the random start.
  void write_weights() {
    const Outcome merged = run_hone({"merge", (tiny_ / "recipe.yaml").string(), "--out", (tiny_ / "merged").string()});
    ASSERT_EQ(merged.exit_code, 0) << merged.err;
    fs::copy(tiny_ / "merged/model.safetensors", tiny_ / "model/model.safetensors");
    tiny_.recipe({{"model.weights", "load"}});
  }
  void change_config(const std::string& key, Json value) {
    Json config = Json::parse(contents(tiny_ / "model/config.json"));
    config[key] = std::move(value);
    tiny_.folder().write("model/config.json", config.dump());
  }
  TinyRun tiny_;
};

TEST_F(BadInput, TruncatedWeights) {
  write_weights();
  const fs::path file = tiny_ / "model/model.safetensors";
  fs::resize_file(file, fs::file_size(file) - 100);
  expect_failure(3, {"model.safetensors", "was it cut while copying?"});
}

TEST_F(BadInput, WrongShapes) {
  write_weights();
  change_config("intermediate_size", 128);
  expect_failure(3, {"mlp.", "expected shape (128, 64) by config.json, got (96, 64)"});
}

TEST_F(BadInput, MissingTensor) {
  write_weights();
  change_config("num_hidden_layers", 3);
  expect_failure(3, {"model.layers.2.", "is missing"});
}

TEST_F(BadInput, UnknownArchitecture) {
  change_config("model_type", "mamba");
  expect_failure(3, {"config.json: model_type: \"mamba\" is not supported; supported: llama"});
}

TEST_F(BadInput, BrokenLine) {
  const std::string rows = contents(tiny_ / "train.jsonl");
  tiny_.folder().write("train.jsonl", rows + "{\"input_ids\": [1, 2,\n" + rows);
  expect_failure(3, {"train.jsonl:91"});
}

TEST_F(BadInput, TokenOutsideTheVocabulary) {
  tiny_.folder().write("train.jsonl", "{\"input_ids\": [1, 48, 3]}\n");
  expect_failure(3, {"train.jsonl:1", "48"});
}

TEST_F(BadInput, NothingToLearn) {
  tiny_.folder().write("train.jsonl", "{\"input_ids\": [1, 2, 3], \"labels\": [-100, -100, -100]}\n");
  expect_failure(3, {"learned"});
}

TEST_F(BadInput, UnknownKey) {
  tiny_.recipe({{"adapter.lora_alhpa", "3"}});
  expect_failure(2, {"recipe.yaml:", "adapter.lora_alhpa", "did you mean lora_alpha?", "nothing was started"});
}

TEST_F(BadInput, MissingDataFile) {
  fs::rename(tiny_ / "train.jsonl", tiny_ / "trian.jsonl");
  expect_failure(2, {"no such file", "nearest", "trian.jsonl"});
}

TEST_F(BadInput, DataThatMovedDoesNotKeepAModelFromBeingUsed) {
  fs::remove(tiny_ / "train.jsonl");
  EXPECT_EQ(run_hone({"merge", (tiny_ / "recipe.yaml").string(), "--out", (tiny_ / "merged").string()}).exit_code, 0);
}

TEST_F(BadInput, MissingWeights) {
  expect_failure(3, {"has no weights", "model.weights: random"}, {"--set", "model.weights=load"});
}

TEST_F(BadInput, UnknownTargetModule) {
  expect_failure(2, {"adapter.target_modules", "q_porj", "did you mean q_proj?"},
                 {"--set", "adapter.target_modules=[q_porj]"});
}

// Files may not grow beyond 20 kB: what a full disk looks like to a program, at the first checkpoint and at the
// adapter.
TEST_F(BadInput, FullDisk) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small{20 << 10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Outcome outcome = run_hone(tiny_.train("run"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(outcome.exit_code, 4) << outcome.out << outcome.err;
  EXPECT_NE(outcome.err.find("cannot write"), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(tiny_ / "run/adapter"));
  for (const auto& entry : fs::directory_iterator(tiny_ / "run/checkpoints"))
    EXPECT_FALSE(entry.path().filename().string().starts_with("step-")) << entry.path();
  // With space again, the same command line goes on.
  EXPECT_EQ(run_hone(tiny_.train("run", {"--resume"})).exit_code, 0);
}

TEST_F(BadInput, LossThatIsNotFinite) {
  expect_failure(7, {"not a finite number", "training.learning_rate"},
                 {"--set", "training.learning_rate=1e30", "--set", "training.max_grad_norm=0"});
}

}  // namespace
}  // namespace hone::test
