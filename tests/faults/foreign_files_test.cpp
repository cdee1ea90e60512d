// Files that somebody else wrote, as the whole program meets them: what is wrong is named, what may be left out is
// counted, and neither takes memory that only the file's word asks for. The table of all cases: README.md.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <limits>

#include "checkpoints/formats/safetensors.h"
#include "kernels/host/json.h"
#include "tests/support/tiny_run.h"
#include "trainer/model/config.h"

namespace hone::test {
namespace {

using namespace checkpoints;

// Largest resident memory of any child so far.
int64_t largest_child() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  return int64_t(usage.ru_maxrss) * 1024;
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input) << error.what();
    return error.what();
  }
  return "accepted";
}

class ForeignFiles : public testing::Test {
 protected:
  void expect_refused(const std::vector<std::string>& parts, const std::vector<std::string>& more = {}) {
    const Outcome outcome = run_hone(tiny_.train("run", more));
    EXPECT_EQ(outcome.exit_code, 3) << outcome.out << outcome.err;
    for (const std::string& part : parts)
      EXPECT_NE(outcome.err.find(part), std::string::npos) << "expected \"" << part << "\" in: " << outcome.err;
    EXPECT_FALSE(fs::exists(tiny_ / "run/adapter"));
  }
  Json receipt() { return Json::parse(contents(tiny_ / "run/receipt.json")); }
  void write_weights() {
    const Outcome merged = run_hone({"merge", (tiny_ / "recipe.yaml").string(), "--out", (tiny_ / "merged").string()});
    ASSERT_EQ(merged.exit_code, 0) << merged.err;
    fs::copy(tiny_ / "merged/model.safetensors", tiny_ / "model/model.safetensors");
    tiny_.recipe({{"model.weights", "load"}});
  }
  TinyRun tiny_;
};
using ForeignFilesSlow = ForeignFiles;

TEST_F(ForeignFiles, WeightsCutAfterOpeningAreAnErrorNotAFault) {
  const fs::path path = tiny_ / "x.safetensors";
  write_safetensors(path, {host_tensor("a", {1000}, std::vector<float>(1000, 1.f))});
  const SafetensorsFile file(path);
  fs::resize_file(path, 2000);
  std::vector<float> values(1000);
  EXPECT_NE(error_of([&] { file.read_float32(file.at("a"), 0, values); }).find("x.safetensors: ends at byte"),
            std::string::npos);
}

TEST_F(ForeignFiles, WeightsThatAreNotFiniteAreNamed) {
  write_weights();
  const fs::path path = tiny_ / "model/model.safetensors";
  for (const char* name : {"model.layers.1.mlp.up_proj.weight", "model.embed_tokens.weight"})  // quantised; as stored
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      const std::string whole = contents(path);
      const SafetensorsFile file(path);
      const TensorInfo& info = file.at(name);
      ASSERT_TRUE(info.dtype == FileDType::F32 || info.dtype == FileDType::BF16);
      uint32_t bits = 0;
      std::memcpy(&bits, &bad, 4);
      const uint16_t half = uint16_t(bits >> 16);
      std::string changed = whole;
      const size_t at = 8 + file.header().size() + info.begin + 400;
      if (info.dtype == FileDType::F32) {
        std::memcpy(&changed[at], &bits, 4);
      } else {
        std::memcpy(&changed[at], &half, 2);
      }
      tiny_.folder().write("model/model.safetensors", changed);
      expect_refused({"model.safetensors", std::string("tensor ") + name, "not finite"});
      tiny_.folder().write("model/model.safetensors", whole);
    }
}

TEST_F(ForeignFiles, AVocabularyThatTheEmbeddingDoesNotHaveIsRefused) {
  write_weights();
  Json config = Json::parse(contents(tiny_ / "model/config.json"));
  config["vocab_size"] = 56;
  tiny_.folder().write("model/config.json", config.dump());
  expect_refused({"model.embed_tokens.weight", "expected shape (56, 64) by config.json, got (48, 64)"});
}

// Each number of config.json: absent, of another type, out of bounds. Nothing is allocated by read_config, and what it
// gives is within bounds.
TEST_F(ForeignFiles, EveryFieldOfAConfigIsNamedWhenItIsWrong) {
  const Json good = Json::parse(contents(tiny_ / "model/config.json"));
  const auto refusal = [](const Json& json) {
    return error_of([&] { trainer::read_config(JsonView(json, "config.json")); });
  };
  ASSERT_EQ(refusal(good), "accepted");
  for (const char* key :
       {"model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size"}) {
    Json json = good;
    json.erase(key);
    EXPECT_EQ(refusal(json), std::string("config.json: ") + key + " is missing");
  }
  for (const char* key : {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                          "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings"})
    for (const Json& wrong : {Json("64"), Json(64.5), Json(-64), Json(int64_t(1000000000)), Json(true),
                              Json::array({64}), Json(std::numeric_limits<uint64_t>::max())}) {
      Json json = good;
      json[key] = wrong;
      EXPECT_EQ(refusal(json).find(std::string("config.json: ") + key + ": expected a whole number"), 0u)
          << key << ": " << refusal(json);
    }
  for (const char* key : {"rms_norm_eps", "rope_theta"})
    for (const Json& wrong : {Json("1"), Json(0), Json(-1.0), Json::array()}) {
      Json json = good;
      json[key] = wrong;
      EXPECT_EQ(refusal(json).find(std::string("config.json: ") + key), 0u) << key << ": " << refusal(json);
    }
}

TEST_F(ForeignFiles, BrokenRowsStopOrAreSkippedAndCounted) {
  const std::string rows = contents(tiny_ / "train.jsonl");
  tiny_.folder().write("train.jsonl", rows + "{\"input_ids\": [1, 2,\n{\"text\": \"secret\"}\n" +
                                          "{\"input_ids\": [1, 99]}\n{\"note\": \"\\ud800\"}\n");
  const Outcome stopped = run_hone(tiny_.train("run"));
  EXPECT_EQ(stopped.exit_code, 3);
  for (const char* part : {"4 problems in the data, nothing was started", "train.jsonl:91: not valid JSON",
                           "train.jsonl:92: input_ids is missing", "train.jsonl:93", "train.jsonl:94"})
    EXPECT_NE(stopped.err.find(part), std::string::npos) << part << " in: " << stopped.err;
  EXPECT_EQ(stopped.err.find("secret"), std::string::npos) << "shows the content of a row";
  const Outcome skipped = run_hone(tiny_.train("run", {"--set", "data.bad_rows=skip"}));
  EXPECT_EQ(skipped.exit_code, 0) << skipped.err;
  EXPECT_NE((skipped.out + skipped.err).find("4 broken (dropped: lines 91, 92, 93, 94)"), std::string::npos)
      << skipped.out << skipped.err;
  EXPECT_EQ(receipt()["rows"]["bad"]["count"], 4);
}

TEST_F(ForeignFiles, RowsThatTeachNothingAreCountedInTheReceipt) {
  std::string longer;
  for (int i = 0; i < 60; ++i) longer += (i ? "," : "") + std::to_string(3 + i % 40);
  tiny_.folder().write("train.jsonl", contents(tiny_ / "train.jsonl") + "{\"input_ids\": [" + longer + "]}\n" +
                                          "{\"input_ids\": [3, 4], \"labels\": [-100, -100]}\n{\"input_ids\": [2]}\n" +
                                          "{\"input_ids\": []}\n");
  const Outcome outcome = run_hone(tiny_.train("run"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json rows = receipt()["rows"];
  EXPECT_EQ(rows["read"], 94);
  EXPECT_EQ(rows["used"], 90);
  EXPECT_EQ(rows["too_long"]["count"], 1);
  EXPECT_EQ(rows["too_long"]["first"][0]["line"], 91);
  EXPECT_EQ(rows["unlearned"]["count"], 3);
}

// A line of 500 MB: named, or skipped, and never held.
TEST_F(ForeignFilesSlow, ALineOf500MBIsNotHeld) {
  const fs::path path = tiny_ / "train.jsonl";
  const std::string rows = contents(path);
  fs::resize_file(path, rows.size() + 500'000'000);  // one line of zero bytes
  std::ofstream(path, std::ios::app) << "\n" << rows;
  expect_refused({"1 problem in the data", "train.jsonl:91: larger than 64 MiB, the limit of a row"});
  EXPECT_EQ(run_hone(tiny_.train("run", {"--set", "data.bad_rows=skip"})).exit_code, 0);
  EXPECT_EQ(receipt()["rows"]["used"], 180);
  EXPECT_EQ(receipt()["rows"]["bad"]["first"][0]["line"], 91);
  if (!HONE_SANITIZED) {
    EXPECT_LT(largest_child(), int64_t(400) << 20);
  }
}

// 60 MB of merges and 100 MB of them: refused before they have become many times as much memory.
TEST_F(ForeignFilesSlow, AFloodOfMergesIsRefused) {
  const fs::path path = tiny_ / "model/tokenizer.json";
  for (const size_t megabytes : {60, 100}) {
    std::string text = R"({"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [)";
    while (text.size() < megabytes * 1'000'000) text += R"(["a","b"],)";
    tiny_.folder().write("model/tokenizer.json", text + R"(["a","b"]]}})");
    const Outcome outcome = run_hone({"tokenize", (tiny_ / "model").string()}, "ab\n");
    EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
    EXPECT_NE(outcome.err.find(path.string()), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(megabytes == 60 ? "more than 4194304 values" : "the limit is"), std::string::npos)
        << outcome.err;
  }
  if (!HONE_SANITIZED) {
    EXPECT_LT(largest_child(), int64_t(700) << 20);
  }
}

}  // namespace
}  // namespace hone::test
