// Adapters: as peft writes them (tests/golden/make_checkpoints.py), as we write them, and broken on purpose.
#include "checkpoints/formats/peft.h"

#include <cstdlib>

#include "checkpoints/base/model_writer.h"
#include "kernels/host/clock.h"
#include "kernels/host/hash.h"
#include "kernels/host/json.h"
#include "tests/checkpoints/support.h"

namespace hone::checkpoints {
namespace {

using test::expect_error, test::TemporaryFolder;

fs::path golden(const std::string& name) { return test::golden("checkpoints/" + name); }
std::string sha256_of_values(const std::vector<float>& values) {
  return sha256_of(std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * 4));
}

void expect_golden(const LoraAdapter& adapter, const std::string& name) {
  const Json modules = read_json(golden("expected.json")).at("adapters").at(name);
  ASSERT_EQ(adapter.modules.size(), modules.size());
  for (const LoraModule& module : adapter.modules) {
    const Json& expected = modules.at(module.module);
    EXPECT_EQ(module.rank, expected.at("rank").get<int64_t>()) << module.module;
    EXPECT_EQ(module.in, expected.at("in").get<int64_t>());
    EXPECT_EQ(module.out, expected.at("out").get<int64_t>());
    EXPECT_DOUBLE_EQ(adapter.scale(module), expected.at("scale").get<double>()) << module.module;
    EXPECT_EQ(sha256_of_values(module.a), expected.at("a_sha256").get<std::string>());
    EXPECT_EQ(sha256_of_values(module.b), expected.at("b_sha256").get<std::string>());
  }
}

class Peft : public ::testing::Test {
 protected:
  fs::path copy(const std::string& name) {
    fs::remove_all(folder_ / name);
    fs::copy(golden(name), folder_ / name, fs::copy_options::recursive);
    return folder_ / name;
  }
  // The golden adapter with one setting changed.
  fs::path with(const std::string& key, const Json& value) {
    const fs::path path = copy("adapter");
    Json config = read_json(path / "adapter_config.json");
    config[key] = value;
    write_text(path / "adapter_config.json", config.dump());
    return path;
  }
  void refused(const fs::path& path, const std::string& words) {
    expect_error([&] { read_adapter(path); }, ExitCode::input, words);
  }
  TemporaryFolder folder_;
};

TEST_F(Peft, ReadsWhatPeftWrites) {
  const LoraAdapter adapter = read_adapter(golden("adapter"));
  expect_golden(adapter, "adapter");
  EXPECT_EQ(adapter.r, 4);
  EXPECT_EQ(adapter.alpha, 8);
  EXPECT_EQ(adapter.dropout, 0.05);
  EXPECT_EQ(std::get<std::vector<std::string>>(adapter.target_modules).size(), 14u);
}

TEST_F(Peft, AppliesPatternsAndRankStabilisationAsPeftDoes) {
  const LoraAdapter adapter = read_adapter(golden("adapter_patterns"));
  expect_golden(adapter, "adapter_patterns");
  EXPECT_TRUE(adapter.use_rslora);
  EXPECT_EQ(std::get<std::string>(adapter.target_modules), R"(.*\.(q_proj|v_proj|down_proj))");
}

TEST_F(Peft, WritesWhatItReads) {
  for (const char* name : {"adapter", "adapter_patterns"}) {
    write_adapter(folder_ / "out/", read_adapter(golden(name)));
    expect_golden(read_adapter(folder_ / "out"), name);
    // The tensors' file is byte for byte the library's; the settings it has are a part of the library's.
    EXPECT_EQ(read_text(folder_ / "out/adapter_model.safetensors"),
              read_text(golden(name) / "adapter_model.safetensors"));
    const Json ours = read_json(folder_ / "out/adapter_config.json"),
               theirs = read_json(golden(name) / "adapter_config.json");
    for (const auto& [key, value] : ours.items()) {
      if (key == "base_model_name_or_path" || (key == "target_modules" && value.is_array())) continue;
      EXPECT_EQ(value, theirs.at(key)) << key;
    }
    EXPECT_EQ(ours.size(), 24u);
  }
}

TEST_F(Peft, WritesTheConservativeSettings) {
  LoraAdapter adapter;
  adapter.r = 16, adapter.alpha = 32, adapter.dropout = 0.05, adapter.base_model = "models/x";
  adapter.target_modules = std::vector<std::string>{"v_proj", "q_proj"};
  adapter.modules.push_back({.module = "m.q_proj", .rank = 1, .in = 2, .out = 1, .alpha = 32, .a = {1, 2}, .b = {3}});
  adapter.rank_pattern["q_proj"] = 1;
  write_adapter(folder_ / "out", adapter);
  EXPECT_EQ(read_text(folder_ / "out/adapter_config.json"), R"({
  "alpha_pattern": {},
  "auto_mapping": null,
  "base_model_name_or_path": "models/x",
  "bias": "none",
  "fan_in_fan_out": false,
  "inference_mode": true,
  "init_lora_weights": true,
  "layer_replication": null,
  "layers_pattern": null,
  "layers_to_transform": null,
  "loftq_config": {},
  "lora_alpha": 32,
  "lora_dropout": 0.05,
  "megatron_config": null,
  "megatron_core": "megatron.core",
  "modules_to_save": null,
  "peft_type": "LORA",
  "r": 16,
  "rank_pattern": {
    "q_proj": 1
  },
  "revision": null,
  "target_modules": [
    "q_proj",
    "v_proj"
  ],
  "task_type": "CAUSAL_LM",
  "use_dora": false,
  "use_rslora": false
}
)");
}

TEST_F(Peft, ReadsHalfAndBfloat16) {
  write_text(folder_.write("x/adapter_config.json", ""),
             R"({"peft_type": "LORA", "r": 1, "lora_alpha": 4, "target_modules": ["q_proj"]})");
  const std::vector<std::byte> half{std::byte(0), std::byte(0x3C)}, bfloat{std::byte(0), std::byte(0xC0)};  // 1 and -2
  write_safetensors(folder_ / "x/adapter_model.safetensors",
                    {{"base_model.model.q_proj.lora_A.weight", FileDType::F16, {1, 1}, half},
                     {"base_model.model.q_proj.lora_B.weight", FileDType::BF16, {1, 1}, bfloat}});
  const LoraAdapter adapter = read_adapter(folder_ / "x");
  ASSERT_EQ(adapter.modules.size(), 1u);
  EXPECT_EQ(adapter.modules[0].a, std::vector<float>{1});
  EXPECT_EQ(adapter.modules[0].b, std::vector<float>{-2});
  EXPECT_EQ(adapter.scale(adapter.modules[0]), 4);
}

TEST_F(Peft, RefusesSettingsByName) {
  const std::vector<std::pair<std::string, Json>> settings{{"use_dora", true},
                                                           {"bias", "all"},
                                                           {"modules_to_save", {"lm_head"}},
                                                           {"fan_in_fan_out", true},
                                                           {"lora_bias", true},
                                                           {"layers_to_transform", {0}},
                                                           {"layers_pattern", "layers"},
                                                           {"exclude_modules", {"q_proj"}},
                                                           {"layer_replication", {{0, 1}}},
                                                           {"trainable_token_indices", {1}},
                                                           {"target_parameters", {"x"}},
                                                           {"alora_invocation_tokens", {1}},
                                                           {"use_qalora", true},
                                                           {"megatron_config", {{"a", 1}}},
                                                           {"loftq_config", {{"a", 1}}},
                                                           {"eva_config", {{"a", 1}}},
                                                           {"init_lora_weights", "pissa"},
                                                           {"init_lora_weights", "olora"},
                                                           {"init_lora_weights", "loftq"},
                                                           {"task_type", "SEQ_CLS"},
                                                           {"ensure_weight_tying", true},
                                                           {"something_new", 3}};
  for (const auto& [key, value] : settings) refused(with(key, value), ": " + key + ": this setting is not supported");
  for (const Json& value : {Json("gaussian"), Json(false), Json("eva"), Json("orthogonal")})
    EXPECT_EQ(read_adapter(with("init_lora_weights", value)).modules.size(), 14u);
  refused(with("peft_type", "LOHA"), "peft_type: expected LORA, got LOHA");
  refused(with("r", 0), "r: expected a whole number");
  refused(with("r", 8), "expected rank 8 by adapter_config.json, got 4");
  refused(with("lora_alpha", "8"), "lora_alpha: expected a number");
  refused(with("lora_dropout", 1), "lora_dropout");
  refused(with("target_modules", nullptr), "target_modules");
}

TEST_F(Peft, RefusesPatternsThatAreHostileOrAmbiguous) {
  refused(with("rank_pattern", {{"(", 4}}), "not a regular expression");
  refused(with("rank_pattern", {{"a{99999}", 4}}), "no {");
  refused(with("rank_pattern", {{std::string(513, 'a'), 4}}), "at most 512");
  refused(with("rank_pattern", {{"q_proj", -1}}), "rank_pattern.q_proj");
  refused(with("alpha_pattern", {{"q_proj", 1}, {".*q_proj", 2}}),
          "and q_proj give model.layers.0.self_attn.q_proj different values");
  EXPECT_EQ(read_adapter(with("alpha_pattern", {{"q_proj", 2}, {".*q_proj", 2}})).modules.size(), 14u);
  const Stopwatch watch;  // exponential with a matcher that backtracks
  read_adapter(with("alpha_pattern", {{"((((([a-z0-9._]*)*)*)*)*)*!", 2}}));
  EXPECT_LT(watch.seconds(), 20);
  refused(with("alpha_pattern", {{R"((.)\1)", 2}}), "not a regular expression that is supported");
}

TEST_F(Peft, NamesTensorsThatDoNotFit) {
  const SafetensorsFile source(golden("adapter/adapter_model.safetensors"));
  const fs::path path = copy("adapter");
  const auto changed = [&](const std::function<void(std::vector<HostTensor>&)>& change, const std::string& words) {
    std::vector<HostTensor> tensors;
    for (const TensorInfo& info : source.tensors()) {
      tensors.push_back({info.name, info.dtype, info.shape, std::vector<std::byte>(info.end - info.begin)});
      source.read(info, 0, tensors.back().bytes);
    }
    std::ranges::sort(tensors, {}, &HostTensor::name);
    change(tensors);
    write_safetensors(path / "adapter_model.safetensors", tensors);
    refused(path, words);
  };
  const std::string first = "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight";
  const std::vector<std::byte> zeros(4 * 256);
  changed(
      [&](auto& t) {
        EXPECT_EQ(t[0].name, first);
        t.erase(t.begin());
      },
      "down_proj.lora_B.weight has no lora_A");
  changed([](auto& t) { t.erase(t.begin() + 1); }, "down_proj.lora_B.weight is missing");
  changed([](auto& t) { t[0].shape = {96, 4}; }, "expected rank 4 by adapter_config.json, got 96");
  changed([](auto& t) { std::swap(t[1].shape[0], t[1].shape[1]); }, "columns as lora_A has rows");
  changed([](auto& t) { t[1].shape = {256}; }, "columns as lora_A has rows, got shape (256)");
  changed([](auto& t) { t[0].shape = {384}; }, "is not a matrix of a LoRA pair");
  for (const char* name : {"base_model.model.lm_head.weight", "base_model.model.model.embed_tokens.lora_embedding_A",
                           "base_model.model.q_proj.lora_magnitude_vector", "base_model.model.q_proj.lora_B.bias",
                           "model.q_proj.lora_A.weight"})
    changed(
        [&](auto& t) {
          t.push_back({name, FileDType::F32, {4, 64}, zeros});
        },
        joined(name, " is not a matrix of a LoRA pair"));
  changed(
      [](auto& t) {
        t[0].bytes[3] = std::byte(0x7F);
        t[0].bytes[2] = std::byte(0xC0);
      },
      "not finite");
  changed([](auto& t) { t.clear(); }, "holds no LoRA matrices");
  fs::remove(path / "adapter_model.safetensors");
  refused(path, "no such file");
  write_text(path / "adapter_model.bin", "");
  refused(path, "save the adapter as safetensors");
  refused(folder_ / "absent", "no such file");
}

TEST_F(Peft, ReplacesAnAdapterAtOnceAndNothingElse) {
  const LoraAdapter adapter = read_adapter(golden("adapter"));
  folder_.write("mine/thesis.txt", "years");
  expect_error([&] { write_adapter(folder_ / "mine", adapter); }, ExitCode::usage, "choose another folder");
  const fs::path place = copy("adapter_patterns");
  LoraAdapter broken = adapter;
  broken.modules.back().b.pop_back();
  EXPECT_THROW(write_adapter(place, broken), Error);
  expect_golden(read_adapter(place), "adapter_patterns");
  // Whichever call fails, there is the old one or the new one.
  for (int n = 1;; ++n) {
    copy("adapter_patterns");
    int left = n;
    set_file_fault([&](std::string_view, const fs::path&) { return --left == 0 ? ENOSPC : 0; });
    try {
      write_adapter(place, adapter);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::io);
    }
    set_file_fault({});
    const size_t count = read_adapter(place).modules.size();
    expect_golden(read_adapter(place), count == 14 ? "adapter" : "adapter_patterns");
    if (left > 0) {
      EXPECT_EQ(count, 14u);
      EXPECT_GT(n, 10);
      break;
    }
  }
  EXPECT_EQ(entries_of(folder_.path()).size(), 2u);
}

// Writes to HONE_KEEP_CHECKPOINTS, for tests/golden/make_checkpoints.py --check.
TEST(Interchange, WritesForPeftAndTransformers) {
  const char* const place = std::getenv("HONE_KEEP_CHECKPOINTS");
  const TemporaryFolder temporary;
  const fs::path folder = place ? fs::path(place) : temporary.path();
  for (const char* name : {"adapter", "adapter_patterns"}) write_adapter(folder / name, read_adapter(golden(name)));
  const ModelDirectory base(golden("sharded"));
  std::vector<OutputTensor> tensors;
  for (const std::string& name : base.names()) tensors.push_back({name, base.shape(name)});
  const auto values = [&](const OutputTensor& tensor, const auto& put) {
    std::vector<float> all(size_t(tensor.shape[0] * (tensor.shape.size() > 1 ? tensor.shape[1] : 1)));
    base.read_float32(tensor.name, 0, all);
    put(all);
  };
  write_model(folder / "model_float32", base, tensors, values);
  write_model(folder / "model_float32_shards", base, tensors, values, {.shard_bytes = 16384});
  write_model(folder / "model_bfloat16", base, tensors, values, {.dtype = FileDType::BF16});
  EXPECT_EQ(entries_of(folder).size(), 5u);
}

}  // namespace
}  // namespace hone::checkpoints
