// A Hugging Face model directory: config.json and the tensors of model.safetensors, or of the shards that
// model.safetensors.index.json names.
//   const ModelDirectory directory("models/Llama-3.1-8B");
//   std::vector<float> row(4096);
//   directory.read_float32("model.norm.weight", 0, row);
// Hands out pieces; who reads decides how much memory that takes. Errors carry ExitCode::input.
#pragma once
#include <memory>
#include <optional>

#include "checkpoints/formats/safetensors.h"
#include "kernels/host/json.h"

namespace hone::checkpoints {

// A weight that bitsandbytes stored in 4 bits (quant_type nf4, blocks of 64): its scales are read, its codes are read
// in pieces.
struct Nf4Record {
  int64_t rows = 0, width = 0;  // of the weight
  bool nested = false;
  std::vector<float> absmax;          // not nested: one a block
  std::vector<uint8_t> absmax_codes;  // nested: one a block,
  std::vector<float> nested_absmax;   //   one for 256 of them,
  std::vector<float> nested_map;      //   what the 256 codes mean,
  float offset = 0;                   //   and what is added
  // Fills `into` with packed codes from byte `offset` on.
  std::function<void(uint64_t offset, std::span<std::byte> into)> read_codes;
};

class ModelDirectory {
 public:
  explicit ModelDirectory(const fs::path& path);
  const fs::path& path() const { return path_; }
  const Json& config() const { return config_; }

  // False where the directory holds only config.json (a model that starts from random weights).
  bool has_weights() const { return !files_.empty(); }
  std::vector<std::string> names() const;
  bool has(std::string_view name) const { return place(name) != nullptr; }
  std::vector<int64_t> shape(const std::string& name) const { return at(name).info->shape; }
  FileDType dtype(const std::string& name) const { return at(name).info->dtype; }
  void read_float32(const std::string& name, int64_t first, std::span<float> into) const;
  void read_bytes(const std::string& name, uint64_t offset, std::span<std::byte> into) const;
  // Where `weight` is stored in 4 bits; decided by the tensors that are there, not by config.json.
  std::optional<Nf4Record> nf4(const std::string& weight) const;

  // Hash of config.json and of each file's name, size, header and first and last 64 KiB of tensors: another checkpoint
  // is noticed, a flipped bit in the middle of a large file is not.
  std::string fingerprint() const;

 private:
  struct Place {
    const SafetensorsFile* file;
    const TensorInfo* info;
  };
  const Place* place(std::string_view name) const;
  const Place& at(std::string_view name) const;
  void open_index(const fs::path& index);

  fs::path path_;
  Json config_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;  // sorted by name
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace hone::checkpoints
