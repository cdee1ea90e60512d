// config.json: what is read, and what is refused with which words. Rotary frequencies beside published numbers.
#include "trainer/model/config.h"

#include <gtest/gtest.h>

#include "tests/support/environment.h"
#include "tests/support/tolerances.h"

namespace hone::test {
namespace {

using trainer::Config, trainer::read_config;

Json llama() {
  return Json::parse(
      R"({"model_type": "llama", "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 5, "num_attention_heads": 8,
    "num_key_value_heads": 4, "vocab_size": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
    "bos_token_id": 1, "eos_token_id": 2})");
}
Config read(const Json& json) { return read_config(JsonView(json, "config.json")); }
std::string refusal(const Json& json) {
  try {
    read(json);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input);
    return error.what();
  }
  return "accepted";
}

TEST(Config, ReadsLegacyAndNewKeys) {
  Json json = llama();
  const Config legacy = read(json);
  EXPECT_EQ(legacy.head_dim, 8);
  EXPECT_EQ(legacy.kv_heads, 4);
  EXPECT_TRUE(legacy.tied);
  EXPECT_EQ(legacy.eos, std::vector<int32_t>{2});
  json.erase("rope_theta");
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 500000.0}};
  json["eos_token_id"] = {2, 7};
  const Config fresh = read(json);
  EXPECT_EQ(fresh.rope_theta, 500000.0);
  EXPECT_EQ(fresh.eos, (std::vector<int32_t>{2, 7}));
}

TEST(Config, RefusesWithTheKeyAndWhatIsExpected) {
  const auto with = [](const char* key, Json value) {
    Json json = llama();
    json[key] = std::move(value);
    return json;
  };
  Json missing = llama();
  missing.erase("hidden_size");
  EXPECT_EQ(refusal(missing), "config.json: hidden_size is missing");
  EXPECT_EQ(refusal(with("model_type", "gpt9")),
            "config.json: model_type: \"gpt9\" is not supported; supported: llama");
  EXPECT_EQ(refusal(with("num_hidden_layers", 1000000000)),
            "config.json: num_hidden_layers: expected a whole number from 1 to 1000, got 1000000000");
  EXPECT_EQ(refusal(with("num_hidden_layers", -1)),
            "config.json: num_hidden_layers: expected a whole number from 1 to 1000, got -1");
  EXPECT_EQ(refusal(with("num_hidden_layers", 2.0)),
            "config.json: num_hidden_layers: expected a whole number from 1 to 1000, got 2.0");
  EXPECT_EQ(refusal(with("num_key_value_heads", 3)),
            "config.json: num_attention_heads (8) must be a multiple of num_key_value_heads (3)");
  EXPECT_EQ(refusal(with("head_dim", 7)), "config.json: head_dim must be even, got 7");
  EXPECT_EQ(refusal(with("hidden_size", 63)),
            "config.json: hidden_size (63) is no multiple of num_attention_heads (8) and there is no head_dim");
  EXPECT_EQ(refusal(with("hidden_act", "gelu")), "config.json: hidden_act: \"gelu\" is not supported; supported: silu");
  EXPECT_EQ(refusal(with("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}})),
            "config.json: rope_type: \"yarn\" is not supported; supported: default, linear, llama3");
  EXPECT_EQ(refusal(with("tie_word_embeddings", "yes")),
            "config.json: tie_word_embeddings: expected true or false, got a text");
  EXPECT_EQ(refusal(with("eos_token_id", 512)),
            "config.json: eos_token_id: expected a whole number from 0 to 511, got 512");
}

// Numbers that transformers and torchtune publish for their own tests (the tables name file and commit of each).
TEST(Config, RotaryFrequenciesEqualPublishedNumbers) {
  HONE_NEEDS_FIXTURES();
  const Json tables = read_json(*fixtures() / "reference_tables.json");
  const std::vector<double> published = tables.at("rope_inv_freq").at("default").get<std::vector<double>>();
  Config config;
  config.head_dim = 128;
  config.rope_theta = 10000;
  const std::vector<double> frequencies = trainer::inverse_frequencies(config);
  ASSERT_EQ(frequencies.size(), published.size());
  for (size_t i = 0; i < published.size(); ++i)
    EXPECT_NEAR(frequencies[i] / published[i], 1, 1e-4) << i;  // five printed digits

  // llama3 scaling: the sum over all cosines and sines of 4096 positions.
  config.llama3 = trainer::Llama3Scaling{8, 1, 4, 8192};
  double sum = 0;
  for (const double frequency : trainer::inverse_frequencies(config))
    for (int position = 0; position < 4096; ++position)
      sum += std::cos(position * frequency) + std::sin(position * frequency);
  EXPECT_NEAR(sum, tables.at("rope_llama3_torchtune").at("cache_sum").get<double>(), 0.05);
}

}  // namespace
}  // namespace hone::test
