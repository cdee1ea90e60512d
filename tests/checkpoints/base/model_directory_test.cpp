// Model directories: made by transformers and bitsandbytes (tests/golden/make_checkpoints.py), by somebody else
// (fixtures), and broken on purpose.
#include "checkpoints/base/model_directory.h"

#include <bit>
#include <cmath>

#include "checkpoints/base/model_writer.h"
#include "kernels/host/hash.h"
#include "tests/checkpoints/support.h"

namespace hone::checkpoints {
namespace {

using test::expect_error, test::TemporaryFolder;

const Json& expected() {
  static const Json json = read_json(test::golden("checkpoints/expected.json"));
  return json;
}
fs::path golden(const std::string& name) { return test::golden("checkpoints/" + name); }

std::string sha256_of_bytes(std::span<const std::byte> bytes) {
  return sha256_of(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

class Directory : public ::testing::Test {
 protected:
  // A copy of a golden directory, to be damaged.
  fs::path copy(const std::string& name) {
    fs::copy(golden(name), folder_ / name, fs::copy_options::recursive);
    return folder_ / name;
  }
  void edit(const fs::path& file, const std::string& from, const std::string& to) {
    std::string text = read_text(file);
    ASSERT_NE(text.find(from), std::string::npos);
    write_text(file, text.replace(text.find(from), from.size(), to));
  }
  void refused(const fs::path& path, const std::string& words) {
    expect_error([&] { ModelDirectory model(path); }, ExitCode::input, words);
  }
  TemporaryFolder folder_;
};

void expect_sharded(const ModelDirectory& model) {
  const Json& tensors = expected().at("sharded");
  EXPECT_EQ(model.names().size(), tensors.size());
  for (const auto& [name, tensor] : tensors.items()) {
    ASSERT_TRUE(model.has(name)) << name;
    EXPECT_EQ(model.shape(name), tensor.at("shape").get<std::vector<int64_t>>());
    int64_t count = 1;
    for (const int64_t dim : model.shape(name)) count *= dim;
    std::vector<float> values(static_cast<size_t>(count));
    const size_t half = values.size() / 3;
    model.read_float32(name, 0, std::span(values).first(half));
    model.read_float32(name, int64_t(half), std::span(values).subspan(half));
    EXPECT_EQ(sha256_of_bytes(std::as_bytes(std::span(values))), tensor.at("sha256").get<std::string>()) << name;
  }
}

TEST_F(Directory, ReadsShardsOfTransformers) {
  const ModelDirectory model(golden("sharded"));
  EXPECT_EQ(model.config().at("model_type"), "llama");
  expect_sharded(model);
  EXPECT_FALSE(model.nf4("model.norm.weight"));
  expect_error([&] { model.shape("model.norm.weigth"); }, ExitCode::input, "nearest: model.norm.weight");
}

TEST_F(Directory, ReadsAModelMadeBySomebodyElse) {
  HONE_NEEDS_FIXTURES();
  const ModelDirectory model(*test::fixtures() / "models/stories260K-hf");
  EXPECT_EQ(model.config().at("num_hidden_layers"), 5);
  EXPECT_EQ(model.names().size(), 47u);  // 5 layers of 9, the embedding, the last norm
  std::vector<float> norm(64);
  model.read_float32("model.norm.weight", 0, norm);
  double sum = 0;
  for (const float value : norm) sum += std::abs(value);
  EXPECT_GT(sum, 1);
  EXPECT_FALSE(model.nf4("model.layers.0.self_attn.q_proj.weight"));
}

TEST_F(Directory, PrefersOneFileToAnIndexAsTransformersDoes) {
  const fs::path path = copy("sharded");
  write_safetensors(path / "model.safetensors", {host_tensor("only", {1}, std::vector{1.f})});
  EXPECT_EQ(ModelDirectory(path).names(), std::vector<std::string>{"only"});
}

TEST_F(Directory, ConfigAloneIsAModelWithoutWeights) {
  folder_.write("new/config.json", "{}");
  const ModelDirectory model(folder_ / "new");
  EXPECT_FALSE(model.has_weights());
  expect_error([&] { model.shape("model.norm.weight"); }, ExitCode::input, "has no weights");
}

TEST_F(Directory, NamesWhatIsMissing) {
  refused(folder_ / "absent", "no such file");
  fs::create_directory(folder_ / "empty");
  refused(folder_ / "empty", "config.json; expected a Hugging Face model directory");
  refused(folder_.write("file", "x"), "expected a model directory");
  folder_.write("list/config.json", "[]");
  refused(folder_ / "list", "expected an object");
  folder_.write("pickle/config.json", "{}");
  folder_.write("pickle/pytorch_model.bin", "");
  refused(folder_ / "pickle", "save the model as safetensors");
  const fs::path path = copy("sharded");
  fs::remove(path / "model.safetensors.index.json");
  refused(path, "model-00001-of-00004.safetensors is there without model.safetensors.index.json");
}

TEST_F(Directory, NamesAMissingShardAndMisplacedTensors) {
  const fs::path path = copy("sharded"), index = path / "model.safetensors.index.json";
  const std::string whole = read_text(index);
  const auto with = [&](const std::function<void(Json&)>& change, const std::string& words) {
    Json json = Json::parse(whole);
    change(json);
    write_text(index, json.dump());
    refused(path, words);
  };
  const std::string norm = Json::parse(whole)["weight_map"]["model.norm.weight"],
                    other = "model-00001-of-00004.safetensors";
  ASSERT_NE(norm, other);
  with([&](Json& json) { json["weight_map"].erase("model.norm.weight"); },
       "model.norm.weight: the index does not list it");
  with([&](Json& json) { json["weight_map"]["model.norm.weight"] = other; }, "model.norm.weight");
  with([&](Json& json) { json["weight_map"]["model.absent"] = other; }, "tensor model.absent is not in " + other);
  with([&](Json& json) { json.erase("weight_map"); }, "weight_map is missing");
  with([&](Json& json) { json["weight_map"] = Json::object(); }, "names no tensor");
  with([&](Json& json) { json["weight_map"]["model.norm.weight"] = 1; }, "expected a text");
  write_text(index, whole.substr(0, whole.size() / 2));
  refused(path, "not valid JSON");
  write_text(index, whole);
  fs::rename(path / other, path / "model-00001-of-00007.safetensors");
  refused(path, "which model.safetensors.index.json names; download it too");
}

TEST_F(Directory, OpensNoFileOutsideOfTheDirectory) {
  const fs::path path = copy("sharded"), index = path / "model.safetensors.index.json";
  const std::string whole = read_text(index);
  write_safetensors(folder_ / "outside.safetensors", {host_tensor("model.norm.weight", {32}, std::vector<float>(32))});
  const std::string outside = (folder_ / "outside.safetensors").string();
  for (const std::string& shard : {std::string("../outside.safetensors"), outside, std::string(".."), std::string("."),
                                   std::string(), std::string("a\\b.safetensors"), std::string("config.json"),
                                   std::string("sub/x.safetensors"), std::string("x\0.safetensors", 14)}) {
    Json json = Json::parse(whole);
    json["weight_map"]["model.norm.weight"] = shard;
    write_text(index, json.dump());
    refused(path, "expected the bare name of a .safetensors file");
  }
}

TEST_F(Directory, FollowsLinksOnlyWithinTheModelAndItsCache) {
  fs::path path = copy("sharded");
  const std::string shard = "model-00002-of-00004.safetensors";
  fs::rename(path / shard, folder_ / "elsewhere.safetensors");
  fs::create_symlink(folder_ / "elsewhere.safetensors", path / shard);
  refused(path, "a link out of the model directory");
  fs::remove(path / shard);
  fs::create_symlink("nowhere", path / shard);
  refused(path, "a link that leads nowhere");
  fs::remove(path / shard);
  fs::rename(folder_ / "elsewhere.safetensors", path / "kept.safetensors");
  fs::create_symlink("kept.safetensors", path / shard);
  expect_sharded(ModelDirectory(path));
  // Hugging Face's cache: every file is a link to ../../blobs/HASH
  const fs::path cache = folder_ / "models--tiny", revision = cache / "snapshots/0123abcd";
  fs::create_directories(cache / "blobs");
  fs::create_directories(revision);
  fs::remove(path / shard);
  fs::rename(path / "kept.safetensors", path / shard);
  int number = 0;
  for (const fs::path& file : entries_of(path)) {
    const std::string blob = std::to_string(number++);
    fs::copy(file, cache / "blobs" / blob);
    fs::create_symlink(fs::path("../../blobs") / blob, revision / file.filename());
  }
  expect_sharded(ModelDirectory(revision));
  fs::remove(revision / "config.json");
  fs::copy(path / "config.json", folder_ / "secret");
  fs::create_symlink("../../../secret", revision / "config.json");
  refused(revision, "a link out of the model directory");
}

TEST_F(Directory, FingerprintSeesEveryTensor) {
  const fs::path path = copy("sharded");
  const std::string before = ModelDirectory(path).fingerprint();
  EXPECT_EQ(before, ModelDirectory(golden("sharded")).fingerprint());
  for (const fs::path& file : entries_of(path)) {
    if (file.extension() != ".safetensors") continue;
    const std::string whole = read_text(file);
    const SafetensorsFile safetensors(file);
    for (const TensorInfo& info : safetensors.tensors()) {
      std::string changed = whole;
      changed[8 + safetensors.header().size() + info.end - 2] ^= 1;
      write_text(file, changed);
      EXPECT_NE(ModelDirectory(path).fingerprint(), before) << info.name;
    }
    write_text(file, whole);
  }
  EXPECT_EQ(ModelDirectory(path).fingerprint(), before);
  edit(path / "config.json", "\"hidden_size\": 32", "\"hidden_size\": 33");
  EXPECT_NE(ModelDirectory(path).fingerprint(), before);
}

// --- 4 bits -------------------------------------------------------------------------------------------------------

TEST_F(Directory, ReadsCheckpointsOfBitsandbytes) {
  for (const auto& [folder, weights] : expected().at("nf4").items()) {
    const ModelDirectory model(golden(folder));
    EXPECT_EQ(weights.size(), 7u);
    for (const auto& [name, weight] : weights.items()) {
      const std::optional<Nf4Record> record = model.nf4(name);
      ASSERT_TRUE(record) << folder << ": " << name;
      EXPECT_EQ((std::vector{record->rows, record->width}), weight.at("shape").get<std::vector<int64_t>>());
      EXPECT_EQ(record->nested, weight.at("nested").get<bool>());
      std::vector<float> absmax = record->absmax;
      for (size_t i = 0; i < record->absmax_codes.size(); ++i) {
        const float product = record->nested_map[record->absmax_codes[i]] * record->nested_absmax[i / 256];
        absmax.push_back(product + record->offset);
      }
      std::vector<uint32_t> bits;
      for (const float value : absmax) bits.push_back(std::bit_cast<uint32_t>(value));
      EXPECT_EQ(bits, weight.at("absmax_bits").get<std::vector<uint32_t>>()) << folder << ": " << name;
      std::vector<std::byte> codes(size_t(record->rows * record->width / 2));
      record->read_codes(0, std::span(codes).first(100));
      record->read_codes(100, std::span(codes).subspan(100));
      EXPECT_EQ(sha256_of_bytes(codes), weight.at("codes_sha256").get<std::string>()) << folder << ": " << name;
      std::vector<std::byte> streamed;  // seen as bfloat16, some are not finite
      model.stream({name}, [&](const TensorPiece& piece) {
        streamed.insert(streamed.end(), piece.bytes.begin(), piece.bytes.end());
      });
      EXPECT_EQ(streamed, codes) << folder << ": " << name;
      expect_error([&] { model.read_float32(name + ".absmax", 1 << 20, std::span(absmax)); }, ExitCode::bug, "absmax");
    }
    EXPECT_FALSE(model.nf4("lm_head.weight"));
    EXPECT_FALSE(model.nf4("model.embed_tokens.weight"));
  }
  EXPECT_EQ(ModelDirectory(golden("nf4_bfloat16")).dtype("model.layers.0.mlp.up_proj.weight"), FileDType::BF16);
}

constexpr const char* kWeight = "model.layers.0.mlp.up_proj.weight";

class BrokenNf4 : public Directory {
 protected:
  // The nested golden model with its tensors changed is refused with `words`, naming the weight.
  void refused(const std::function<void(std::map<std::string, HostTensor>&)>& change, const std::string& words) {
    const SafetensorsFile source(golden("nf4_nested/model.safetensors"));
    std::map<std::string, HostTensor> tensors;
    for (const TensorInfo& info : source.tensors()) {
      HostTensor tensor{info.name, info.dtype, info.shape, std::vector<std::byte>(info.end - info.begin)};
      source.read(info, 0, tensor.bytes);
      tensors[info.name] = std::move(tensor);
    }
    change(tensors);
    std::vector<HostTensor> list;
    for (const auto& [name, tensor] : tensors) list.push_back(tensor);
    folder_.write("broken/config.json", "{}");
    write_safetensors(folder_ / "broken/model.safetensors", list);
    expect_error([&] { ModelDirectory(folder_ / "broken").nf4(kWeight); }, ExitCode::input, words);
    expect_error([&] { ModelDirectory(folder_ / "broken").nf4(kWeight); }, ExitCode::input, kWeight);
  }
  void state_refused(const std::string& from, const std::string& to, const std::string& words) {
    refused(
        [&](auto& tensors) {
          HostTensor& state = tensors.at(kState);
          std::string text(reinterpret_cast<const char*>(state.bytes.data()), state.bytes.size());
          ASSERT_NE(text.find(from), std::string::npos) << text;
          text.replace(text.find(from), from.size(), to);
          const auto bytes = std::as_bytes(std::span(text));
          state.bytes.assign(bytes.begin(), bytes.end());
          state.shape = {int64_t(text.size())};
        },
        words);
  }
  const std::string kState = std::string(kWeight) + ".quant_state.bitsandbytes__nf4";
  std::string part(const char* name) { return std::string(kWeight) + "." + name; }
};

TEST_F(BrokenNf4, StateIsRefusedByKey) {
  state_refused("\"nf4\"", "\"fp4\"", "expected quant_type nf4, got fp4");
  state_refused("\"blocksize\": 64", "\"blocksize\": 128", "expected blocks of 64, got 128");
  state_refused("\"nested_blocksize\": 256", "\"nested_blocksize\": 128", "expected nested blocks of 256");
  state_refused("\"nested_dtype\": \"float32\"", "\"nested_dtype\": \"float16\"", "nested_dtype");
  state_refused("\"dtype\": \"float32\"", "\"dtype\": \"int8\"", "unknown dtype int8");
  state_refused("[96, 64]", "[96, 65]", "bytes of codes");
  state_refused("[96, 64]", "[96, 64, 1]", "3 dimensions");
  state_refused("[96, 64]", "[1099511627776, 1099511627776]", "too large");
  state_refused("[96, 64]", "[-96, 64]", "shape");
  state_refused("{", "{\"extra\": 1, ", "unknown key extra");
  state_refused("{", "", "not valid JSON");
  state_refused("\"nested_offset\": ", "\"nested_offset\": 1e300, \"quant_state\": ", "nested_offset");
}

TEST_F(BrokenNf4, TensorsAreRefusedByName) {
  refused([&](auto& t) { t.erase(part("quant_map")); }, "quant_map is missing");
  refused([&](auto& t) { t.erase(part("absmax")); }, "absmax is missing");
  refused([&](auto& t) { t.erase(part("nested_quant_map")); }, "nested_quant_map is missing");
  refused([&](auto& t) { t.erase(part("nested_absmax")); }, "absmax: expected 96 values of F32");
  refused([&](auto& t) { t.erase(kState); }, "supported: bitsandbytes nf4");
  refused([&](auto& t) { t.erase(kWeight); }, "is missing");
  refused([&](auto& t) { t.at(part("quant_map")).bytes[5] ^= std::byte(1); }, "quant_map is not NF4's");
  refused([&](auto& t) { t.at(kState).dtype = FileDType::I8; }, "quant_state is not a short text");
  refused(
      [&](auto& t) {
        HostTensor state = t.at(kState);
        t.erase(kState);
        state.name = std::string(kWeight) + ".quant_state.bitsandbytes__fp4";
        t[state.name] = state;
      },
      "fp4; supported: nf4");
  refused([&](auto& t) { t.at(part("absmax")).bytes.pop_back(), t.at(part("absmax")).shape = {95}; },
          "expected 96 values of U8, got 95");
}

// --- writing ------------------------------------------------------------------------------------------------------

class Writing : public Directory {
 protected:
  std::vector<OutputTensor> tensors_of(const ModelDirectory& model) {
    std::vector<OutputTensor> tensors;
    for (const std::string& name : model.names()) tensors.push_back({name, model.shape(name)});
    return tensors;
  }
  void write(const fs::path& folder, const ModelDirectory& base, const WriteModelOptions& options) {
    write_model(
        folder, base, tensors_of(base),
        [&](const OutputTensor& tensor, const auto& put) {
          int64_t count = 1;
          for (const int64_t dim : tensor.shape) count *= dim;
          for (int64_t first = 0; first < count; first += 1000) {
            std::vector<float> piece(size_t(std::min<int64_t>(1000, count - first)));
            base.read_float32(tensor.name, first, piece);
            put(piece);
          }
        },
        options);
  }
};

TEST_F(Writing, ShardsReadBackAsTheSource) {
  const ModelDirectory base(golden("sharded"));
  write(folder_ / "out/", base, {.shard_bytes = 20000});
  expect_sharded(ModelDirectory(folder_ / "out"));
  const Json index = read_json(folder_ / "out/model.safetensors.index.json");
  const Json theirs = read_json(golden("sharded/model.safetensors.index.json"));
  EXPECT_EQ(index.at("metadata").at("total_size"), theirs.at("metadata").at("total_size"));
  for (const fs::path& file : entries_of(folder_ / "out"))
    EXPECT_TRUE(file.extension() != ".safetensors" || fs::file_size(file) < 20000u + 2000u) << file;
  EXPECT_EQ(read_json(folder_ / "out/config.json"), [&] {
    Json config = base.config();
    config["dtype"] = "float32";
    return config;
  }());
}

TEST_F(Writing, RoundsToBfloat16AsTorchDoes) {
  const Json& golden_values = expected().at("conversions").at("to_BF16");
  std::vector<float> values;
  for (const Json& bits : golden_values.at("float32_bits"))
    values.push_back(std::bit_cast<float>(bits.get<uint32_t>()));
  write_model(folder_ / "out", ModelDirectory(golden("sharded")), {{"x", {int64_t(values.size())}}},
              [&](const OutputTensor&, const auto& put) { put(values); }, {.dtype = FileDType::BF16});
  const ModelDirectory out(folder_ / "out");
  EXPECT_EQ(out.config().at("dtype"), "bfloat16");
  std::vector<uint16_t> bits(values.size());
  out.read_bytes("x", 0, std::as_writable_bytes(std::span(bits)));
  EXPECT_EQ(bits, golden_values.at("bits").get<std::vector<uint16_t>>());
}

TEST_F(Writing, CopiesTheTokenizerAndDropsTheQuantisation) {
  const fs::path base = copy("nf4");
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                           "generation_config.json", "chat_template.jinja", "tokenizer.model"})
    write_text(base / name, name);
  write_text(base / "notes.txt", "stays");
  const auto none = [](const OutputTensor&, const auto&) {};
  write_model(folder_ / "out", ModelDirectory(base), {}, none);
  EXPECT_EQ(read_text(folder_ / "out/tokenizer.model"), "tokenizer.model");
  EXPECT_EQ(read_text(folder_ / "out/chat_template.jinja"), "chat_template.jinja");
  EXPECT_FALSE(fs::exists(folder_ / "out/notes.txt"));
  EXPECT_FALSE(read_json(folder_ / "out/config.json").contains("quantization_config"));
  // A link in somebody's model must not carry a file of this machine into what is published.
  write_text(folder_ / "private", "key");
  fs::remove(base / "tokenizer.model");
  fs::create_symlink(folder_ / "private", base / "tokenizer.model");
  expect_error([&] { write_model(folder_ / "out2", ModelDirectory(base), {}, none); }, ExitCode::input,
               "a link out of the model directory");
  EXPECT_FALSE(fs::exists(folder_ / "out2"));
}

TEST_F(Writing, ReplacesOnlyWhatIsAModelAndNeverTheBase) {
  const fs::path base = copy("sharded");
  const auto none = [](const OutputTensor&, const auto&) {};
  expect_error([&] { write_model(base, ModelDirectory(base), {}, none); }, ExitCode::usage, "is the base itself");
  expect_sharded(ModelDirectory(base));
  folder_.write("mine/thesis.txt", "years");
  expect_error([&] { write_model(folder_ / "mine", ModelDirectory(base), {}, none); }, ExitCode::usage,
               "choose another folder");
  EXPECT_EQ(read_text(folder_ / "mine/thesis.txt"), "years");
  folder_.write("old/config.json", "{}");
  folder_.write("old/stale.safetensors", "");
  write_model(folder_ / "old", ModelDirectory(base), {}, none);
  EXPECT_FALSE(fs::exists(folder_ / "old/stale.safetensors"));
}

TEST_F(Writing, AFailedWriteLeavesTheOldModel) {
  const ModelDirectory base(golden("sharded"));
  write(folder_ / "out", base, {});
  const std::string before = ModelDirectory(folder_ / "out").fingerprint();
  expect_error(
      [&] {
        write_model(folder_ / "out", base, {{"a", {4}}},
                    [](const OutputTensor&, const auto& put) { put(std::vector<float>(3)); });
      },
      ExitCode::bug, "a misses 4 bytes");
  EXPECT_EQ(ModelDirectory(folder_ / "out").fingerprint(), before);
  EXPECT_EQ(entries_of(folder_.path()).size(), 1u);
}

}  // namespace
}  // namespace hone::checkpoints
