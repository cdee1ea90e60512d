#include "checkpoints/base/model_writer.h"

#include <algorithm>
#include <cstdio>

#include "checkpoints/formats/output_folder.h"
#include "kernels/core/dtype.h"

namespace hone::checkpoints {

namespace {
constexpr const char* kCopied[] = {
    "tokenizer.json",      "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
    "chat_template.jinja", "tokenizer.model",       "added_tokens.json",       "vocab.json",
    "merges.txt"};

Json adjusted_config(Json config, FileDType dtype) {
  config.erase("quantization_config");
  const char* const name = dtype == FileDType::F32 ? "float32" : "bfloat16";
  if (config.contains("dtype")) config["dtype"] = name;
  if (config.contains("torch_dtype") || !config.contains("dtype")) config["torch_dtype"] = name;
  return config;
}

uint64_t bytes_of(const OutputTensor& tensor, FileDType dtype) {
  uint64_t bytes = uint64_t(bits_of(dtype)) / 8;
  for (const int64_t dim : tensor.shape) bytes *= uint64_t(dim);
  return bytes;
}

// Consecutive tensors (by name) up to the size of a shard.
std::vector<std::vector<OutputTensor>> in_shards(std::vector<OutputTensor> tensors, const WriteModelOptions& options) {
  std::ranges::sort(tensors, {}, &OutputTensor::name);
  std::vector<std::vector<OutputTensor>> shards(1);
  uint64_t size = 0;
  for (OutputTensor& tensor : tensors) {
    const uint64_t bytes = bytes_of(tensor, options.dtype);
    if (!shards.back().empty() && size + bytes > options.shard_bytes) shards.emplace_back(), size = 0;
    size += bytes;
    shards.back().push_back(std::move(tensor));
  }
  return shards;
}
}  // namespace

void write_model(
    const fs::path& folder, const ModelDirectory& base, const std::vector<OutputTensor>& tensors,
    const std::function<void(const OutputTensor&, const std::function<void(std::span<const float>)>& put)>& values,
    const WriteModelOptions& options) {
  require(options.dtype == FileDType::F32 || options.dtype == FileDType::BF16,
          "[write_model] expected F32 or BF16, got ", name_of(options.dtype));
  std::error_code ignored;
  require(!fs::equivalent(folder, base.path(), ignored), ExitCode::usage, folder.string(),
          ": is the base itself, which is not overwritten; choose another folder");
  check_replaceable(folder, "config.json");
  make_folders(folder.parent_path());
  FolderWriter out(folder);
  const auto shards = in_shards(tensors, options);
  OrderedJson index{{"metadata", {{"total_size", 0}}}, {"weight_map", OrderedJson::object()}};
  uint64_t total = 0;
  for (size_t s = 0; s < shards.size(); ++s) {
    char name[64] = "model.safetensors";
    if (shards.size() > 1) std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", s + 1, shards.size());
    std::vector<TensorSpec> specs;
    for (const OutputTensor& tensor : shards[s]) specs.push_back({tensor.name, options.dtype, tensor.shape});
    SafetensorsWriter writer(out.path() / name, specs, {{"format", "pt"}});
    for (const TensorSpec& spec : writer.order()) {
      index["weight_map"][spec.name] = name;
      total += bytes_of({spec.name, spec.shape}, options.dtype);
      values({spec.name, spec.shape}, [&](std::span<const float> piece) {
        if (options.dtype == FileDType::F32) return writer.put(spec.name, std::as_bytes(piece));
        std::vector<bfloat16> narrow(piece.size());
        std::ranges::transform(piece, narrow.begin(), [](float value) { return bfloat16(value); });
        writer.put(spec.name, std::as_bytes(std::span(narrow)));
      });
    }
    writer.commit();
  }
  if (shards.size() > 1) {
    index["metadata"]["total_size"] = total;
    write_text(out.path() / "model.safetensors.index.json", index.dump(2) + "\n");
  }
  write_text(out.path() / "config.json", adjusted_config(base.config(), options.dtype).dump(2) + "\n");
  for (const char* name : kCopied)
    if (const auto source = file_of_model(base.path(), name)) write_text(out.path() / name, read_text(*source));
  out.commit();
}

}  // namespace hone::checkpoints
