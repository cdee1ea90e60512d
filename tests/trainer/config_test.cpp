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
  EXPECT_EQ(fresh.ropes.at(0).theta, 500000.0);
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
            "config.json: model_type: \"gpt9\" is not supported; supported: llama, mistral, qwen2, qwen3, gemma2, "
            "gemma3_text, gemma3, phi3, olmo2");
  EXPECT_EQ(refusal(with("num_hidden_layers", 1000000000)),
            "config.json: num_hidden_layers: expected a whole number from 1 to 1000, got 1000000000");
  EXPECT_EQ(refusal(with("num_hidden_layers", -1)),
            "config.json: num_hidden_layers: expected a whole number from 1 to 1000, got -1");
  EXPECT_EQ(refusal(with("num_hidden_layers", 2.0)),
            "config.json: num_hidden_layers: expected a whole number from 1 to 1000, got 2.0");
  EXPECT_EQ(refusal(with("num_key_value_heads", 3)),
            "config.json: num_attention_heads (8) must be a multiple of num_key_value_heads (3)");
  EXPECT_EQ(refusal(with("head_dim", 7)),
            "config.json: head_dim: rotary positions turn channels in pairs; expected an even number, got 7");
  EXPECT_EQ(refusal(with("hidden_size", 63)),
            "config.json: hidden_size (63) is no multiple of num_attention_heads (8) and there is no head_dim");
  EXPECT_EQ(refusal(with("hidden_act", "gelu")),
            "config.json: hidden_act: \"gelu\" is not supported; supported: silu, gelu_pytorch_tanh");
  EXPECT_EQ(refusal(with("rope_scaling", {{"rope_type", "mrope"}, {"factor", 4.0}})),
            "config.json: rope_type: \"mrope\" is not supported; supported: default, linear, dynamic, llama3, yarn, "
            "longrope");
  EXPECT_EQ(refusal(with("quantization_config", {{"quant_method", "gptq"}, {"bits", 4}})),
            "config.json: quantization_config: expected bitsandbytes in 4 bits (nf4), or none, got gptq. Take the "
            "model's files that are not quantised: model.quantization: nf4 makes 4 bits of them");
  EXPECT_NE(refusal(with("quantization_config", {{"quant_method", "bitsandbytes"}, {"load_in_8bit", true}}))
                .find("got bitsandbytes in 8 bits"),
            std::string::npos);
  EXPECT_EQ(refusal(with("tie_word_embeddings", "yes")),
            "config.json: tie_word_embeddings: expected true or false, got a text");
  EXPECT_EQ(refusal(with("eos_token_id", 512)),
            "config.json: eos_token_id: expected a whole number from 0 to 511, got 512");
}

// What each family means where config.json is silent, as transformers 5.23's configuration classes say.
TEST(Config, TakesEachFamilysDefaults) {
  const auto sizes = [](const char* type) {
    return Json{{"model_type", type},      {"vocab_size", 512},       {"hidden_size", 2560},
                {"intermediate_size", 96}, {"num_hidden_layers", 12}, {"num_attention_heads", 32}};
  };
  const Config llama = read(sizes("llama")), mistral = read(sizes("mistral")), qwen2 = read(sizes("qwen2")),
               qwen3 = read(sizes("qwen3")), gemma2 = read(sizes("gemma2")), gemma3 = read(sizes("gemma3_text")),
               phi3 = read(sizes("phi3")), olmo2 = read(sizes("olmo2"));
  for (const Config* c : {&llama, &phi3, &olmo2, &qwen2, &qwen3}) EXPECT_EQ(c->kv_heads, 32) << c->family->name;
  EXPECT_EQ(mistral.kv_heads, 8);
  EXPECT_EQ(gemma2.kv_heads, 4);
  EXPECT_EQ(gemma3.kv_heads, 4);
  for (const Config* c : {&llama, &mistral, &qwen2, &phi3, &olmo2}) EXPECT_EQ(c->head_dim, 80) << c->family->name;
  EXPECT_EQ(qwen3.head_dim, 128);
  EXPECT_EQ(gemma2.head_dim, 256);
  for (const Config* c : {&llama, &mistral, &qwen2, &qwen3, &gemma2, &gemma3}) EXPECT_EQ(c->eps, 1e-6);
  for (const Config* c : {&phi3, &olmo2}) EXPECT_EQ(c->eps, 1e-5);
  for (const Config* c : {&llama, &mistral, &qwen2, &qwen3, &phi3, &olmo2}) {
    EXPECT_FALSE(c->tied);
    EXPECT_EQ(c->activation, kernels::Activation::silu);
    EXPECT_EQ(c->attention_scale, 0);
    EXPECT_EQ(c->final_softcap, 0);
    EXPECT_EQ(c->embedding_scale(false), 1);
  }
  for (const Config* c : {&gemma2, &gemma3}) {
    EXPECT_TRUE(c->tied);
    EXPECT_EQ(c->activation, kernels::Activation::gelu_tanh);
    EXPECT_EQ(c->attention_scale, 1.0 / 16);
    EXPECT_EQ(c->embedding_scale(false), double(std::sqrt(2560.0f)));
    EXPECT_EQ(c->embedding_scale(true), 50.5);  // 50.596 has no nearer number in bfloat16
  }
  EXPECT_EQ(gemma2.attention_softcap, 50);
  EXPECT_EQ(gemma2.final_softcap, 30);
  EXPECT_EQ(gemma3.attention_softcap, 0);
  EXPECT_EQ(gemma3.final_softcap, 0);
  EXPECT_EQ(mistral.windows, std::vector<int64_t>(12, 4096));
  for (const Config* c : {&llama, &qwen2, &qwen3, &phi3, &olmo2}) EXPECT_TRUE(c->windows.empty()) << c->family->name;
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(gemma2.window(i), i % 2 == 0 ? 4096 : 0);
    EXPECT_EQ(gemma3.window(i), i % 6 != 5 ? 4096 : 0);
    EXPECT_EQ(gemma3.rope_of(i), size_t(i % 6 != 5));
  }
  ASSERT_EQ(gemma3.ropes.size(), 2u);
  EXPECT_EQ(gemma3.ropes[0].theta, 1e6);
  EXPECT_EQ(gemma3.ropes[1].theta, 1e4);
  EXPECT_TRUE(qwen2.attention_bias && !qwen2.output_bias);
  for (const Config* c : {&llama, &mistral, &qwen3, &gemma2, &gemma3, &phi3, &olmo2}) EXPECT_FALSE(c->attention_bias);
}

// A number that is null is none; a layer's window is the model's where its type says so.
TEST(Config, TellsNullFromSilence) {
  Json json = llama();
  json["model_type"] = "mistral", json["sliding_window"] = nullptr;
  EXPECT_TRUE(read(json).windows.empty());
  json["model_type"] = "gemma2", json["sliding_window"] = 5;
  json["attn_logit_softcapping"] = nullptr, json["final_logit_softcapping"] = nullptr;
  EXPECT_EQ(read(json).attention_softcap, 0);
  EXPECT_EQ(read(json).final_softcap, 0);
  EXPECT_EQ(read(json).window(0), 5);
  json["model_type"] = "qwen2";
  EXPECT_TRUE(read(json).windows.empty()) << "use_sliding_window is false where it is not there";
  json["use_sliding_window"] = true, json["max_window_layers"] = 1;
  EXPECT_EQ(read(json).window(0), 0);
  EXPECT_EQ(read(json).window(1), 5);
}

// What cannot be done exactly is refused by its key.
TEST(Config, RefusesWhatIsNotDone) {
  const auto with = [](const char* type, const Json& more) {
    Json json = llama();
    json["model_type"] = type;
    json.update(more);
    return refusal(json);
  };
  EXPECT_EQ(with("llama", {{"attention_dropout", 0.1}}),
            "config.json: attention_dropout: dropout in the base is not done (the adapter's is, lora_dropout); "
            "expected 0, got 0.1; set it to 0 to train without");
  EXPECT_EQ(with("mistral", {{"attention_bias", true}}),
            "config.json: attention_bias: models of type mistral have none; expected false");
  EXPECT_EQ(with("qwen3", {{"mlp_bias", true}}),
            "config.json: mlp_bias: models of type qwen3 have none; expected false");
  EXPECT_EQ(with("gemma3_text", {{"use_bidirectional_attention", true}}),
            "config.json: use_bidirectional_attention: only causal models are supported; expected false");
  EXPECT_EQ(with("llama", {{"partial_rotary_factor", 0.5}}),
            "config.json: partial_rotary_factor: models of this family turn all channels; expected 1, got 0.5");
  EXPECT_EQ(with("phi3", {{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}}}),
            "config.json: rope_type: \"linear\" is not supported; supported: default, longrope");
  EXPECT_EQ(with("phi3", {{"rope_scaling", {{"type", "su"}, {"short_factor", {1.0, 2.0}}, {"long_factor", {1.0}}}}}),
            "config.json: short_factor: expected 4 numbers, one for each pair of channels that turn, got 2");
  EXPECT_EQ(with("qwen2", {{"num_hidden_layers", 2}, {"layer_types", {"sliding_attention", "full_attention"}}}),
            "config.json: layer_types: sliding_attention needs a window, but sliding_window or use_sliding_window says "
            "there is none");
  EXPECT_EQ(with("qwen2", {{"layer_types", {"chunked_attention", "full_attention"}}}),
            "config.json: layer_types[0]: \"chunked_attention\" is not supported; supported: full_attention, "
            "sliding_attention");
  EXPECT_EQ(with("qwen2", {{"layer_types", {"full_attention"}}}),
            "config.json: layer_types: expected 5 of them, num_hidden_layers, got 1");
  EXPECT_EQ(
      with("gemma3_text", {{"rope_parameters", {{"rope_type", "default"}}}}),
      "config.json: rope_parameters.rope_type: layers with a window turn differently; expected full_attention and "
      "sliding_attention");
  EXPECT_EQ(with("gemma2", {{"final_logit_softcapping", 0}}),
            "config.json: final_logit_softcapping: expected a positive number or null, got 0");
}

// Numbers that transformers and torchtune publish for their own tests (the tables name file and commit of each).
TEST(Config, RotaryFrequenciesEqualPublishedNumbers) {
  HONE_NEEDS_FIXTURES();
  const Json tables = read_json(*fixtures() / "reference_tables.json");
  const std::vector<double> published = tables.at("rope_inv_freq").at("default").get<std::vector<double>>();
  trainer::Rope rope{.channels = 128};
  const std::vector<double> frequencies = trainer::inverse_frequencies(rope);
  ASSERT_EQ(frequencies.size(), published.size());
  for (size_t i = 0; i < published.size(); ++i)
    EXPECT_NEAR(frequencies[i] / published[i], 1, 1e-4) << i;  // five printed digits

  // llama3 scaling: the sum over all cosines and sines of 4096 positions.
  rope.kind = trainer::RopeKind::llama3, rope.factor = 8, rope.original = 8192;
  double sum = 0;
  for (const double frequency : trainer::inverse_frequencies(rope))
    for (int position = 0; position < 4096; ++position)
      sum += std::cos(position * frequency) + std::sin(position * frequency);
  EXPECT_NEAR(sum, tables.at("rope_llama3_torchtune").at("cache_sum").get<double>(), 0.05);
}

}  // namespace
}  // namespace hone::test
