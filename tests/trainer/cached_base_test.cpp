// The base as it is loaded: piece by piece from the files, from the cache of its quantised form, and when that is
// damaged or of another model. All beside tensors quantised whole, one by one.
#include "trainer/run/cached_base.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

#include "checkpoints/base/base_cache.h"
#include "kernels/nf4/nf4.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

using namespace hone::trainer;
using Bytes = std::vector<uint8_t>;
using Parts = std::map<std::string, Bytes>;

Bytes bytes_of(const Tensor& tensor) {
  const auto copy = [&]<class T>() {
    const std::vector<T> values = tensor.to_host<T>();
    Bytes bytes(values.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  };
  if (tensor.dtype() == DType::uint8) return copy.operator()<uint8_t>();
  if (tensor.dtype() == DType::bfloat16) return copy.operator()<bfloat16>();
  return copy.operator()<float>();
}
void add(Parts& parts, const std::string& name, const QuantizedTensor& weight) {
  parts[name] = bytes_of(weight.codes);
  if (const auto* plain = std::get_if<FloatScales>(&weight.scales)) {
    parts[name + ".absmax"] = bytes_of(plain->absmax);
  } else {
    const auto& scales = std::get<NestedScales>(weight.scales);
    parts[name + ".absmax"] = bytes_of(scales.codes);
    parts[name + ".nested"] = bytes_of(scales.nested);
    parts[name + ".map"] = bytes_of(scales.map);
    parts[name + ".offset"] = Bytes(sizeof(float));
    std::memcpy(parts[name + ".offset"].data(), &scales.offset, sizeof(float));
  }
}
Parts parts_of(const Decoder& model) {
  Parts parts;
  for (const ParameterPtr& p : model.parameters()) parts[p->name] = bytes_of(p->value);
  for (const Layer& layer : model.layers)
    for (const Linear* linear : layer.linears())
      if (const auto* weight = std::get_if<QuantizedTensor>(&linear->weight))
        add(parts, linear->name + ".weight", *weight);
  return parts;
}

struct NoWeights final : Weights {  // to show that the model directory is not read
  bool has(const std::string&) const override { return true; }
  void stream(const std::vector<WantedTensor>&, const Take&) const override { fail("the model directory is read"); }
};

class Cached : public testing::Test {
 protected:
  void SetUp() override { use(golden("models/bf16_sharded")); }
  void TearDown() override { set_file_fault({}); }
  void use(const fs::path& model) {
    fs::remove_all(folder_ / "model");
    fs::copy(model, folder_ / "model", fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "model"))
      fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
    recipe_.model.path = (folder_ / "model").string();
    recipe_.output.dir = (folder_ / "runs/a").string();
  }
  LoadOptions options() const { return load_options(recipe_, false); }
  // One start: loads, and writes a cache where there is none. `unread`: the model directory must not be needed.
  Parts start(bool unread = false) {
    notes_.clear();
    const Base base(recipe_.model.path);
    CachedBase cached(recipe_, base, options(), [this](const std::string& note) { notes_.push_back(note); });
    const NoWeights none;
    const DirectoryWeights directory(base.directory);
    const Decoder model = cached.load(stream_, unread ? static_cast<const Weights&>(none) : directory);
    cached.keep(model);
    cached.finish();
    cache_ = base_cache_folder(recipe_, base, options());
    return parts_of(model);
  }
  // Each tensor read whole as float32 and quantised in one call.
  Parts expected() {
    const checkpoints::ModelDirectory directory(recipe_.model.path);
    Parts parts;
    for (const std::string& name : directory.names()) {
      const std::vector<int64_t> dims = directory.shape(name);
      const Shape shape = dims.size() == 2 ? Shape{dims[0], dims[1]} : Shape{dims[0]};
      std::vector<float> values(size_t(shape.elements()));
      directory.read_float32(name, 0, values);
      const Tensor wide = Tensor::from(stream_, {shape.elements()}, values);
      if (name.ends_with("_proj.weight")) {
        QuantizedTensor weight = kernels::nf4_empty(stream_, shape);
        kernels::nf4_quantize(stream_, weight, 0, wide);
        add(parts, name, recipe_.model.double_quantization ? kernels::nf4_nest_scales(stream_, weight) : weight);
      } else if (dims.size() == 2 && directory.dtype(name) == checkpoints::FileDType::BF16) {
        std::vector<bfloat16> narrow;
        for (const float value : values) narrow.emplace_back(value);
        parts[name] = bytes_of(Tensor::from(stream_, shape, narrow));
      } else {
        parts[name] = bytes_of(wide);
      }
    }
    return parts;
  }
  std::string only_note() const { return notes_.size() == 1 ? notes_[0] : joined(notes_.size(), " notes"); }
  fs::path weights_of_cache() const { return cache_ / "model.safetensors"; }
  std::vector<std::string> names_in(const fs::path& folder) const {
    std::vector<std::string> names;
    if (fs::exists(folder))
      for (const fs::path& entry : entries_of(folder)) names.push_back(entry.filename().string());
    return names;
  }

  TemporaryFolder folder_;
  recipes::Recipe recipe_;
  Stream stream_ = Stream::cpu(2);
  std::vector<std::string> notes_;
  fs::path cache_;
};

TEST_F(Cached, FirstAndSecondStartHoldTheSameBytes) {
  std::vector<fs::path> models;
  for (const char* name : {"bf16_sharded", "untied", "tied", "biases", "f16", "head_dim"})
    models.push_back(golden(joined("models/", name)));
  if (fixtures()) models.push_back(*fixtures() / "models/stories260K-hf");
  for (const fs::path& model : models)
    for (const bool nested : {true, false}) {
      SCOPED_TRACE(joined(model.filename().string(), nested ? " nested" : ""));
      use(model);
      recipe_.model.double_quantization = nested;
      const Parts parts = expected();
      EXPECT_EQ(start(), parts);
      EXPECT_TRUE(only_note().starts_with("base     the next start reads its 4 bits from ")) << only_note();
      EXPECT_EQ(start(true), parts);
      EXPECT_EQ(notes_, std::vector<std::string>{});
      fs::remove_all(cache_);
    }
}

TEST_F(Cached, IsAModelDirectoryInBitsandbytesLayout) {
  const Parts parts = start();
  recipe_.model.path = cache_.string();  // its own fingerprint, its own cache: it is a model like any other
  EXPECT_EQ(start(), parts);
  EXPECT_EQ(cache_, fs::path()) << "what is in 4 bits already needs no cache";
  const Json config = read_json(fs::path(recipe_.model.path) / "config.json");
  EXPECT_EQ(config.at("quantization_config").at("bnb_4bit_use_double_quant"), true);
  // The small tensors beside the codes are those that bitsandbytes writes, name by name and type by type.
  const checkpoints::SafetensorsFile theirs(golden("models/nf4_double/model.safetensors")),
      ours(fs::path(recipe_.model.path) / "model.safetensors");
  const std::string weight = "model.layers.0.self_attn.q_proj.weight";
  for (const checkpoints::TensorInfo& info : theirs.tensors()) {
    if (!info.name.starts_with(weight)) continue;
    ASSERT_TRUE(ours.find(info.name)) << info.name;
    EXPECT_EQ(ours.at(info.name).dtype, info.dtype) << info.name;
    EXPECT_EQ(ours.at(info.name).shape.size(), info.shape.size()) << info.name;
  }
}

TEST_F(Cached, AFlippedByteAnywhereIsNamedAndMadeGood) {
  const Parts parts = start();
  const checkpoints::SafetensorsFile file(weights_of_cache());
  const uint64_t header = 8 + file.header().size();
  const std::string whole = read_text(weights_of_cache());
  std::vector<std::pair<uint64_t, std::string>> places{{4, "model.safetensors"}, {header / 2, ""}};
  for (const checkpoints::TensorInfo& info : file.tensors())
    if (info.name.find("layers.1.") != std::string::npos)
      places.push_back({header + (info.begin + info.end) / 2, info.name});
  ASSERT_GT(places.size(), 30u);
  for (const auto& [at, name] : places) {
    SCOPED_TRACE(joined(at, " ", name));
    std::string damaged = whole;
    damaged[size_t(at)] = char(damaged[size_t(at)] ^ 0x11);
    write_text(weights_of_cache(), damaged);
    EXPECT_EQ(start(), parts);
    ASSERT_EQ(notes_.size(), 2u);
    EXPECT_NE(notes_[0].find("the cached base is not used"), std::string::npos);
    EXPECT_NE(notes_[0].find(name), std::string::npos) << notes_[0];
    EXPECT_TRUE(notes_[1].starts_with("base     the next start")) << notes_[1];
    EXPECT_EQ(read_text(weights_of_cache()), whole) << "made anew, the same bytes";
  }
  EXPECT_EQ(start(true), parts);
}

TEST_F(Cached, TruncatedOrWithoutItsPartsIsMadeAnew) {
  const Parts parts = start();
  const std::string whole = read_text(weights_of_cache()), manifest = read_text(cache_ / "hone_base.json");
  const auto made_anew = [&](const std::string& words) {
    EXPECT_EQ(start(), parts);
    ASSERT_EQ(notes_.size(), 2u) << words;
    EXPECT_NE(notes_[0].find(words), std::string::npos) << notes_[0];
    EXPECT_EQ(start(true), parts);
  };
  fs::resize_file(weights_of_cache(), whole.size() / 2);
  made_anew("was it cut while copying?");
  fs::remove(weights_of_cache());
  made_anew("missing");
  write_text(cache_ / "hone_base.json", manifest.substr(0, manifest.size() / 2));
  made_anew("hone_base.json");
  std::string other = manifest;
  other.replace(other.find("model.norm.weight\": \"") + 21, 1, "z");
  write_text(cache_ / "hone_base.json", other);
  made_anew("the file is damaged");
}

TEST_F(Cached, AnotherSourceOrOtherSettingsAreNoticed) {
  const Parts before = start();
  // Training one weight in place: same path, same sizes.
  const fs::path shard = folder_ / "model/model-00002-of-00003.safetensors";
  std::string text = read_text(shard);
  const size_t at = text.size() / 2 | 1;  // the upper byte of a value: its sign
  text[at] = char(text[at] ^ 0x80);
  write_text(shard, text);
  const Parts after = start();
  EXPECT_TRUE(after != before);
  EXPECT_EQ(after, expected());
  ASSERT_EQ(notes_.size(), 2u);
  EXPECT_NE(notes_[0].find(cache_.string() + ": was made from other files"), std::string::npos) << notes_[0];
  EXPECT_EQ(start(true), after);
  const fs::path first = cache_;
  recipe_.model.double_quantization = false;
  EXPECT_EQ(start(), expected());
  EXPECT_NE(cache_, first);
  EXPECT_EQ(names_in(folder_ / "runs/base-cache").size(), 3u) << "two caches and the lock";
}

TEST_F(Cached, SwitchedOffOrElsewhere) {
  recipe_.model.cache = "none";
  const Parts parts = start();
  EXPECT_EQ(cache_, fs::path());
  EXPECT_EQ(names_in(folder_.path()), std::vector<std::string>{"model"});
  recipe_.model.cache = (folder_ / "kept").string();
  start();
  EXPECT_EQ(cache_.parent_path(), folder_ / "kept");
  EXPECT_EQ(start(true), parts);
  recipe_.model.quantization = recipes::Quantization::none;
  start();
  EXPECT_EQ(cache_, fs::path());
}

TEST_F(Cached, WhatCannotBeWrittenIsANote) {
  const Parts parts = expected();
  for (const int code : {ENOSPC, EROFS, EIO})
    for (const std::string_view at : {"open", "write", "fsync", "rename", "mkdir"}) {
      SCOPED_TRACE(joined(at, " ", code));
      set_file_fault([&](std::string_view call, const fs::path&) { return call == at ? code : 0; });
      EXPECT_EQ(start(), parts);
      set_file_fault({});
      EXPECT_TRUE(only_note().starts_with("note     the quantised base was not kept for the next start: "))
          << only_note();
      for (const std::string& name : names_in(folder_ / "runs/base-cache")) EXPECT_EQ(name, "run.lock");
      fs::remove_all(folder_ / "runs");
    }
  // Somebody else's folder stays as it is.
  start();
  fs::remove_all(cache_);
  fs::create_directories(cache_);
  write_text(cache_ / "thesis.txt", "the only copy");
  EXPECT_EQ(start(), parts);
  EXPECT_NE(only_note().find("holds no hone_base.json"), std::string::npos) << only_note();
  EXPECT_EQ(read_text(cache_ / "thesis.txt"), "the only copy");
}

TEST_F(Cached, ARunThatEndsEarlyLeavesAllOrNothing) {
  const Base base(recipe_.model.path);
  {
    CachedBase cached(recipe_, base, options(), [](const std::string&) {});
    const Decoder model = cached.load(stream_, DirectoryWeights(base.directory));
    cached.keep(model);
  }
  const Parts parts = expected();
  EXPECT_EQ(start(), parts);
  EXPECT_EQ(start(true), parts);
  EXPECT_EQ(names_in(folder_ / "runs/base-cache").size(), 2u);
}

TEST_F(Cached, TwoWritersDoNotMeet) {
  fs::create_directories(folder_ / "runs/base-cache");
  const FolderLock other(folder_ / "runs/base-cache");
  EXPECT_EQ(start(), expected());
  EXPECT_NE(only_note().find("in use by process"), std::string::npos) << only_note();
}

TEST_F(Cached, WhatIsNotFiniteIsRefusedByNameAndNotKept) {
  const fs::path shard = folder_ / "model/model-00002-of-00003.safetensors";
  const checkpoints::SafetensorsFile file(shard);
  std::string text = read_text(shard);
  const checkpoints::TensorInfo& info =
      *std::ranges::find_if(file.tensors(), [](const auto& tensor) { return tensor.name.ends_with("_proj.weight"); });
  const size_t at = 8 + file.header().size() + size_t(info.begin) + 200;
  text[at] = char(0xC0), text[at + 1] = char(0x7F);
  write_text(shard, text);
  try {
    start();
    ADD_FAILURE() << "loaded";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input);
    EXPECT_NE(std::string(error.what()).find("tensor " + info.name + ": holds a value that is not finite"),
              std::string::npos)
        << error.what();
  }
  EXPECT_FALSE(fs::exists(folder_ / "runs/base-cache"));
}

}  // namespace
}  // namespace hone::test
