// Every family and its oddities beside transformers and peft: logits, losses, every LoRA gradient under every policy,
// greedy tokens, of texts longer than windows, packed and alone.
#include <cstdlib>

#include "checkpoints/formats/peft.h"
#include "tests/trainer/golden_model.h"
#include "trainer/model/lora.h"

namespace hone::test {
namespace {

constexpr auto kCases = {"llama_linear",
                         "llama_dynamic",
                         "llama_yarn",
                         "llama_yarn_mscale",
                         "mistral_window",
                         "qwen2_windows",
                         "qwen2_yarn",
                         "qwen3",
                         "qwen3_layer_types",
                         "gemma2",
                         "gemma2_uncapped",
                         "gemma3",
                         "gemma3_legacy",
                         "gemma3_multimodal",
                         "gemma3_multimodal_renamed",
                         "phi3",
                         "phi3_longrope",
                         "phi3_partial",
                         "olmo2",
                         "qwen2_nf4",
                         "gemma2_nf4",
                         "gemma3_nf4",
                         "phi3_nf4",
                         "olmo2_nf4"};
std::vector<GoldenCase> cases() {
  std::vector<GoldenCase> all;
  for (const char* name : kCases)
    for (const DType dtype : {DType::float32, DType::float64}) all.push_back({joined("families/", name), dtype});
  return all;
}

class GoldenFamily : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Of, GoldenFamily, testing::ValuesIn(cases()), case_name);

TEST_P(GoldenFamily, LogitsAndLossesEqualTransformers) { expect_logits_and_losses(GetParam()); }
TEST_P(GoldenFamily, EveryLoraGradientEqualsPeft) { expect_lora_gradients(GetParam()); }
TEST_P(GoldenFamily, GreedyTokensEqualTransformers) { expect_greedy_tokens(GetParam()); }

// An adapter that is read and written again has the very tensors that PEFT wrote, by its names, and the modules that a
// new adapter on all linear layers would have are PEFT's. HONE_ADAPTERS=FOLDER keeps them for check_families.py.
TEST(GoldenFamilyAdapters, AreThoseThatPeftWrites) {
  const TemporaryFolder temporary;
  const char* const keep = std::getenv("HONE_ADAPTERS");
  for (const std::string name : kCases) {
    SCOPED_TRACE(name);
    Golden g("families/" + name, DType::float32);
    trainer::LoraOptions options = trainer::options_of(checkpoints::read_adapter(g.folder / "adapter"));
    options.targets = trainer::AllLinear{};
    g.add_adapter(true);
    const fs::path folder = (keep ? fs::path(keep) : temporary.path()) / name;
    checkpoints::write_adapter(folder, trainer::adapter_of(g.model, options, "base"));
    const checkpoints::SafetensorsFile ours(folder / "adapter_model.safetensors"),
        theirs(g.folder / "adapter" / "adapter_model.safetensors");
    ASSERT_EQ(ours.tensors().size(), theirs.tensors().size());
    for (const auto& info : theirs.tensors())
      EXPECT_EQ(doubles(ours, info.name), doubles(theirs, info.name)) << info.name;
    Golden fresh("families/" + name, DType::float32);
    trainer::add_lora(fresh.stream, fresh.model, options);
    EXPECT_EQ(trainer::adapter_of(fresh.model, options, "base").modules.size() * 2, theirs.tensors().size());
  }
}

// What the activations' own roundings do. Not of phi3_longrope, whose larger scores double single roundings until
// logits are off by 10 % of the largest in transformers' own bfloat16.
TEST(GoldenFamilyBfloat16, LogitsLossesAndLoraGradientsAreNear) {
  for (const std::string name : kCases) {
    if (name == "phi3_longrope") continue;
    SCOPED_TRACE(name);
    expect_logits_and_losses({joined("families/", name), DType::bfloat16});
    expect_lora_gradients({joined("families/", name), DType::bfloat16});
  }
}

}  // namespace
}  // namespace hone::test
