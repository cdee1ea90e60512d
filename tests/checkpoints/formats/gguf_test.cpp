// Adapters for llama.cpp, byte for byte as its own Python package writes them (tests/golden/make_gguf.py).
#include "checkpoints/formats/gguf.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/checkpoints/support.h"

namespace hone::checkpoints {
namespace {

using test::expect_error, test::TemporaryFolder;

LoraAdapter adapter(const std::string& name) { return read_adapter(test::golden("checkpoints/" + name)); }
GgufBase base(const std::string& architecture = "llama") {
  return {.architecture = architecture, .layers = 2, .heads = 4, .kv_heads = 2, .head_dim = 16};
}
std::string golden(const std::string& name) { return read_text(test::golden("gguf/" + name)); }

LoraAdapter of_one(const std::string& module, int64_t in, int64_t out) {
  LoraAdapter one;
  one.r = 1, one.alpha = 1;
  one.modules.push_back({.module = module,
                         .rank = 1,
                         .in = in,
                         .out = out,
                         .alpha = 1,
                         .a = std::vector<float>(size_t(in), 1),
                         .b = std::vector<float>(size_t(out), 1)});
  return one;
}

class Gguf : public ::testing::Test {
 protected:
  std::string written(const LoraAdapter& adapter, const GgufBase& base, GgufType type = GgufType::f32) {
    write_gguf_adapter(folder_ / "out.gguf", adapter, base, type);
    return read_text(folder_ / "out.gguf");
  }
  TemporaryFolder folder_;
};

TEST_F(Gguf, EqualsThePackagesFiles) {
  EXPECT_TRUE(written(adapter("adapter"), base()) == golden("llama_f32.gguf"));
  EXPECT_TRUE(written(adapter("adapter"), base("qwen2"), GgufType::f16) == golden("qwen2_f16.gguf"))
      << "16 bits, rows of q and k as they are";
}

// Names of llama.cpp's own map (gguf-py, tensor_mapping.py): fused projections have one, and a multimodal model's text
// model is a file of its own.
TEST_F(Gguf, NamesModulesOfEveryFamily) {
  const auto named = [&](const char* module, const char* architecture, const char* name) {
    const std::string bytes = written(of_one(module, 8, 64), base(architecture));
    for (const char* matrix : {".weight.lora_a", ".weight.lora_b"})
      EXPECT_NE(bytes.find(std::string(name) + matrix), std::string::npos) << module;
  };
  named("model.layers.1.self_attn.qkv_proj", "phi3", "blk.1.attn_qkv");
  named("model.layers.0.mlp.gate_up_proj", "phi3", "blk.0.ffn_up");
  named("model.language_model.layers.1.self_attn.q_proj", "gemma3", "blk.1.attn_q");
  named("model.layers.0.self_attn.o_proj", "olmo2", "blk.0.attn_output");
}

TEST_F(Gguf, FoldsRankStabilisationAndPatterns) {
  EXPECT_TRUE(written(adapter("adapter_patterns"), base()) == golden("llama_patterns_f32.gguf"));
}

// llama.cpp takes alpha 0 for no scale at all, so what adds nothing must be zeros.
TEST_F(Gguf, AnAlphaOfZeroAddsNothing) {
  LoraAdapter nothing = of_one("model.layers.0.mlp.up_proj", 8, 8);
  nothing.alpha = nothing.modules[0].alpha = 0;
  const std::string bytes = written(nothing, base());
  const size_t key = bytes.find("adapter.lora.alpha");
  float alpha = 0;
  std::memcpy(&alpha, bytes.data() + key + 18 + 4, 4);
  EXPECT_EQ(alpha, 1);
  EXPECT_EQ(bytes.substr(bytes.size() - 32), std::string(32, '\0'));
}

// Every half, and both sides of the middle between each and the next: to nearest, ties to the even one.
TEST_F(Gguf, HalvesAreRoundedToNearestEven) {
  const auto value_of = [](uint32_t half) {
    const int exponent = int(half >> 10), fraction = int(half & 1023);
    return exponent == 0 ? std::ldexp(float(fraction), -24) : std::ldexp(float(1024 + fraction), exponent - 25);
  };
  std::vector<float> values;
  std::vector<uint16_t> expected;
  for (uint32_t half = 0; half < 0x7BFF; ++half) {
    const float here = value_of(half), middle = (here + value_of(half + 1)) / 2;
    for (const float sign : {1.0f, -1.0f}) {
      const uint16_t bit = sign < 0 ? 0x8000 : 0;
      values.push_back(sign * here), expected.push_back(uint16_t(half | bit));
      values.push_back(sign * middle), expected.push_back(uint16_t((half + (half & 1)) | bit));
      values.push_back(sign * std::nextafter(middle, 0.0f)), expected.push_back(uint16_t(half | bit));
      values.push_back(sign * std::nextafter(middle, 1e9f)), expected.push_back(uint16_t((half + 1) | bit));
    }
  }
  while (values.size() % 16 != 0) values.push_back(0), expected.push_back(0);  // so that no padding is behind them
  const auto count = int64_t(values.size());
  LoraAdapter one = of_one("model.layers.1.mlp.down_proj", count, 16);
  one.modules[0].a = values;
  const std::string bytes = written(one, base(), GgufType::f16);
  std::vector<uint16_t> halves(values.size());
  std::memcpy(halves.data(), bytes.data() + bytes.size() - 32 - values.size() * 2, values.size() * 2);
  size_t wrong = 0;
  for (size_t i = 0; i < halves.size(); ++i)
    if (halves[i] != expected[i] && ++wrong < 5) ADD_FAILURE() << values[i] << ": " << halves[i] << ", " << expected[i];
  EXPECT_EQ(wrong, 0u);
}

TEST_F(Gguf, RefusesWhatDoesNotFit) {
  const auto refused = [&](const LoraAdapter& adapter, ExitCode code, const std::string& words,
                           GgufType type = GgufType::f32) {
    expect_error([&] { written(adapter, base(), type); }, code, words);
  };
  refused(of_one("model.layers.2.mlp.up_proj", 4, 4), ExitCode::input,
          "module model.layers.2.mlp.up_proj of a model of 2 layers");
  refused(of_one("model.layers.-1.mlp.up_proj", 4, 4), ExitCode::input, "no adapter for module");
  refused(of_one("model.layers.0.mlp.gates_proj", 4, 4), ExitCode::input, "no adapter for module");
  refused(of_one("lm_head", 4, 4), ExitCode::input, "no adapter for module lm_head");
  refused(of_one("model.layers.0.self_attn.q_proj", 4, 32), ExitCode::input,
          "q_proj: expected 64 rows as in the model, got 32");
  refused(of_one("model.layers.0.self_attn.k_proj", 4, 64), ExitCode::input,
          "k_proj: expected 32 rows as in the model, got 64");
  LoraAdapter large = of_one("model.layers.0.mlp.up_proj", 4, 4);
  large.modules[0].b[2] = 65519;
  EXPECT_NO_THROW(written(large, base(), GgufType::f16));
  large.modules[0].b[2] = -65520;
  refused(large, ExitCode::usage, "blk.0.ffn_up.weight.lora_b holds values beyond 65504", GgufType::f16);
}

TEST_F(Gguf, TheOldFileStaysUntilTheNewOneIsComplete) {
  const std::string before = written(adapter("adapter"), base());
  for (const char* call : {"open", "write", "fsync", "rename"}) {
    set_file_fault([&](std::string_view name, const fs::path&) { return name == call ? ENOSPC : 0; });
    expect_error([&] { written(adapter("adapter"), base("qwen2")); }, ExitCode::io, "out.gguf");
    set_file_fault({});
    EXPECT_TRUE(read_text(folder_ / "out.gguf") == before) << call;
    EXPECT_EQ(entries_of(folder_.path()).size(), 1u) << call << ": nothing is left behind";
  }
  EXPECT_FALSE(written(adapter("adapter"), base("qwen2")) == before);
}

TEST_F(Gguf, ReplacesOnlyGgufFiles) {
  folder_.write("out.gguf", "model: {path: x}\n");
  expect_error([&] { written(adapter("adapter"), base()); }, ExitCode::usage, "it is no GGUF file");
  EXPECT_EQ(read_text(folder_ / "out.gguf"), "model: {path: x}\n");
  expect_error([&] { write_gguf_adapter(folder_.path(), adapter("adapter"), base()); }, ExitCode::usage,
               "it is no GGUF file");
}

}  // namespace
}  // namespace hone::checkpoints
