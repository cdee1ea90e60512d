#include "checkpoints/base/base_cache.h"

#include <algorithm>
#include <cstdio>

#include "checkpoints/formats/output_folder.h"
#include "kernels/host/text.h"

namespace hone::checkpoints {

namespace {
constexpr const char* kManifest = "hone_base.json";
constexpr int64_t kSchema = 1;
constexpr uint64_t kShard = uint64_t(4) << 30;  // bytes; a shard holds at most that, or one weight

// Of everything else in the manifest.
std::string hash_of(Json manifest) {
  manifest.erase("xxh3");
  return xxh3_of(manifest.dump());
}

// The text that Python's json.dumps makes.
std::string quant_state(const Nf4View& weight, std::string_view dtype) {
  std::string text = joined(R"({"quant_type": "nf4", "blocksize": 64, "dtype": ")", dtype, R"(", "shape": [)",
                            weight.rows, ", ", weight.width, "]");
  if (weight.nested)
    text += R"(, "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": )" +
            Json(double(weight.offset)).dump();
  return text + "}";
}
std::string_view torch_name(FileDType dtype) {
  return dtype == FileDType::BF16 ? "bfloat16" : dtype == FileDType::F16 ? "float16" : "float32";
}

Json quantization_config(bool nested) {
  return {{"quant_method", "bitsandbytes"},
          {"load_in_4bit", true},
          {"load_in_8bit", false},
          {"_load_in_4bit", true},
          {"_load_in_8bit", false},
          {"bnb_4bit_quant_type", "nf4"},
          {"bnb_4bit_use_double_quant", nested},
          {"bnb_4bit_compute_dtype", "bfloat16"},
          {"bnb_4bit_quant_storage", "uint8"},
          {"llm_int8_threshold", 6.0},
          {"llm_int8_skip_modules", nullptr},
          {"llm_int8_enable_fp32_cpu_offload", false},
          {"llm_int8_has_fp16_weight", false}};
}

// A tensor of the cache and where its bytes come from: memory, or the source where `bytes` is not set.
struct Part {
  TensorSpec spec;
  std::optional<std::span<const std::byte>> bytes;
  uint64_t size = 0;
};
// The tensors that belong to one weight, which stay in one shard.
std::vector<std::vector<Part>> parts_of(const ModelDirectory& source, const BaseCacheContents& contents,
                                        std::vector<std::string>& states) {
  std::vector<std::vector<Part>> all;
  for (const std::string& name : contents.plain) {
    uint64_t bits = uint64_t(bits_of(source.dtype(name)));
    for (const int64_t dim : source.shape(name)) bits *= uint64_t(dim);
    all.push_back({{.spec = {name, source.dtype(name), source.shape(name)}, .bytes = {}, .size = bits / 8}});
  }
  states.reserve(contents.quantized.size());  // parts look into it
  for (const Nf4View& weight : contents.quantized) {
    std::vector<Part> parts;
    const auto add = [&](const std::string& suffix, FileDType dtype, std::vector<int64_t> shape, const auto& values) {
      const auto bytes = std::as_bytes(values);
      parts.push_back({{weight.name + suffix, dtype, std::move(shape)}, bytes, bytes.size()});
    };
    const auto count = [](const auto& values) { return std::vector<int64_t>{int64_t(values.size())}; };
    add("", FileDType::U8, {int64_t(weight.codes.size()), 1}, weight.codes);
    add(".quant_map", FileDType::F32, count(weight.quant_map), weight.quant_map);
    if (weight.nested) {
      add(".absmax", FileDType::U8, count(weight.absmax_codes), weight.absmax_codes);
      add(".nested_absmax", FileDType::F32, count(weight.nested_absmax), weight.nested_absmax);
      add(".nested_quant_map", FileDType::F32, count(weight.nested_map), weight.nested_map);
    } else {
      add(".absmax", FileDType::F32, count(weight.absmax), weight.absmax);
    }
    states.push_back(quant_state(weight, torch_name(source.dtype(weight.name))));
    const std::span<const char> state(states.back());
    add(".quant_state.bitsandbytes__nf4", FileDType::U8, count(state), state);
    all.push_back(std::move(parts));
  }
  std::ranges::sort(all, {}, [](const std::vector<Part>& parts) { return std::string_view(parts[0].spec.name); });
  return all;
}

std::vector<std::vector<Part>> in_shards(std::vector<std::vector<Part>> weights) {
  std::vector<std::vector<Part>> shards(1);
  uint64_t size = 0;
  for (std::vector<Part>& parts : weights) {
    uint64_t bytes = 0;
    for (const Part& part : parts) bytes += part.size;
    if (!shards.back().empty() && size + bytes > kShard) shards.emplace_back(), size = 0;
    size += bytes;
    std::ranges::move(parts, std::back_inserter(shards.back()));
  }
  return shards;
}
}  // namespace

Json cache_origin(const ModelDirectory& source, const Json& settings) {
  Json files = Json::array();
  for (const auto& file : source.files())
    files.push_back({{"name", file->path().filename().string()},
                     {"bytes", file->file().size()},
                     {"modified", file->file().modified()}});
  return {{"fingerprint", source.fingerprint()}, {"files", files}, {"settings", settings}};
}

std::unique_ptr<ModelDirectory> open_base_cache(const fs::path& folder, const Json& origin) {
  if (!fs::exists(folder / kManifest)) return nullptr;
  const Json json = read_json(folder / kManifest);
  const JsonView manifest(json, (folder / kManifest).string());
  require(manifest.integer("schema") == kSchema, ExitCode::input, manifest.where(), ": schema ",
          manifest.integer("schema"), " was written by another version; this one reads ", kSchema);
  require(manifest.text("xxh3") == hash_of(json), ExitCode::input, manifest.where(),
          ": its hash is not its own: the file is damaged");
  require(manifest.at("origin").value() == origin, ExitCode::input, folder.string(),
          ": was made from other files, or with other settings");
  auto cache = std::make_unique<ModelDirectory>(folder);
  std::map<std::string, std::string, std::less<>> hashes;
  for (const auto& [name, hash] : manifest.at("tensors").members()) hashes[name] = hash.as_text();
  for (const std::string& name : cache->names())
    require(hashes.contains(name), ExitCode::input, folder.string(), ": tensor ", name, " is not in ", kManifest);
  for (const auto& [name, hash] : hashes)
    require(cache->has(name), ExitCode::input, folder.string(), ": tensor ", name, " is missing");
  cache->expect(std::move(hashes));
  return cache;
}

bool write_base_cache(const fs::path& folder, const ModelDirectory& source, const Json& origin,
                      const BaseCacheContents& contents, const std::atomic<bool>& stop) {
  check_replaceable(folder, kManifest);
  std::vector<std::string> states;
  const std::vector<std::vector<Part>> shards = in_shards(parts_of(source, contents, states));
  uint64_t total = 0;
  for (const auto& shard : shards)
    for (const Part& part : shard) total += part.size;
  make_folders(folder.parent_path());
  const uint64_t free = free_bytes(folder), need = total + total / 50 + (uint64_t(1) << 20);
  require(free >= need, ExitCode::io, folder.string(), ": needs ", bytes_text(need), ", ", bytes_text(free),
          " are free");

  FolderWriter out(folder);
  Json hashes = Json::object();
  OrderedJson index{{"metadata", {{"total_size", total}}}, {"weight_map", OrderedJson::object()}};
  for (size_t s = 0; s < shards.size(); ++s) {
    char name[64] = "model.safetensors";
    if (shards.size() > 1) std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", s + 1, shards.size());
    std::vector<TensorSpec> specs;
    std::map<std::string_view, const Part*> parts;
    for (const Part& part : shards[s]) {
      specs.push_back(part.spec);
      parts[part.spec.name] = &part;
    }
    SafetensorsWriter writer(out.path() / name, specs, {{"format", "pt"}}, PageCache::drop);
    for (const TensorSpec& spec : writer.order()) {
      Xxh3 hash;
      const auto put = [&](std::span<const std::byte> bytes) {
        for (; !bytes.empty() && !stop; bytes = bytes.subspan(std::min(bytes.size(), PieceReader::kPiece))) {
          const auto piece = bytes.first(std::min(bytes.size(), PieceReader::kPiece));
          hash.add(piece);
          writer.put(spec.name, piece);
        }
      };
      if (const Part& part = *parts.at(spec.name); part.bytes)
        put(*part.bytes);
      else
        source.stream({spec.name}, [&](const TensorPiece& piece) { put(piece.bytes); });
      if (stop) return false;
      hashes[spec.name] = hash.hex();
      index["weight_map"][spec.name] = name;
    }
    writer.commit();
  }
  if (shards.size() > 1) write_text(out.path() / "model.safetensors.index.json", index.dump(2) + "\n");
  Json config = source.config();
  config["quantization_config"] = quantization_config(!contents.quantized.empty() && contents.quantized[0].nested);
  write_text(out.path() / "config.json", config.dump(2) + "\n");
  Json manifest{{"schema", kSchema}, {"origin", origin}, {"source", source.path().string()}, {"tensors", hashes}};
  manifest["xxh3"] = hash_of(manifest);
  write_text(out.path() / kManifest, manifest.dump(2) + "\n");
  out.commit();
  return true;
}

}  // namespace hone::checkpoints
