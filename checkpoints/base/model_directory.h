// A Hugging Face model directory: config.json and the tensors of model.safetensors, or of the shards that
// model.safetensors.index.json names.
//   const ModelDirectory directory("models/Llama-3.1-8B");
//   std::vector<float> row(4096);
//   directory.read_float32("model.norm.weight", 0, row);
// Hands out pieces; who reads decides how much memory that takes. Errors carry ExitCode::input.
// A directory is somebody else's: shards are bare names in it, and a symbolic link in it may lead to another file of
// the same directory, or, where it is a snapshot of Hugging Face's cache (…/models--X/snapshots/REVISION), to
// …/models--X/blobs. Any other link is refused: what it leads to would be read, and copied by `hone merge`.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "checkpoints/formats/safetensors.h"
#include "kernels/host/json.h"

namespace hone::checkpoints {

// A weight that bitsandbytes stored in 4 bits (quant_type nf4, blocks of 64 in row-major order): its scales are in
// memory, its codes are read in pieces. Element i is level[code i] * absmax[i / 64]; nested, absmax[b] is
// nested_map[absmax_codes[b]] * nested_absmax[b / 256] + offset. Code 2j is the high half of byte j.
struct Nf4Record {
  int64_t rows = 0, width = 0;  // of the weight
  bool nested = false;
  std::vector<float> absmax;          // not nested: one a block
  std::vector<uint8_t> absmax_codes;  // nested: one a block,
  std::vector<float> nested_absmax;   //   one for 256 of them,
  std::vector<float> nested_map;      //   what the 256 codes mean,
  float offset = 0;                   //   and what is added
  // Fills `into` with packed codes from byte `offset` on; (rows * width + 1) / 2 in all. Lives as long as the
  // directory.
  std::function<void(uint64_t offset, std::span<std::byte> into)> read_codes;
};

// A file of the directory `folder` by its bare name: empty where there is none, an error where it is a link that may
// not be followed (see above).
std::optional<fs::path> file_of_model(const fs::path& folder, const std::string& name);

class ModelDirectory {
 public:
  // Checks config.json, the index and every header. Where model.safetensors is there the index is not looked at, as in
  // transformers.
  explicit ModelDirectory(const fs::path& path);
  const fs::path& path() const { return path_; }
  const Json& config() const { return config_; }

  // False where the directory holds only config.json (a model that starts from random weights).
  bool has_weights() const { return !files_.empty(); }
  std::vector<std::string> names() const;
  bool has(std::string_view name) const { return place(name) != nullptr; }
  std::vector<int64_t> shape(const std::string& name) const { return at(name).info->shape; }
  FileDType dtype(const std::string& name) const { return at(name).info->dtype; }
  // As SafetensorsFile::read_float32 and read.
  void read_float32(const std::string& name, int64_t first, std::span<float> into) const;
  void read_bytes(const std::string& name, uint64_t offset, std::span<std::byte> into) const;
  // Where `weight` is stored in 4 bits; decided by the tensors that are there, not by config.json.
  std::optional<Nf4Record> nf4(const std::string& weight) const;

  // Hash (xxh3) of config.json and of each file's name, size, header and the first and last 4 KiB of each of its
  // tensors: another checkpoint is noticed, if only one weight was trained, a flipped bit in the middle of a weight is
  // not.
  std::string fingerprint() const;

 private:
  struct Place {
    const SafetensorsFile* file;
    const TensorInfo* info;
  };
  const Place* place(std::string_view name) const;
  const Place& at(std::string_view name) const;
  fs::path required(const std::string& name, const std::string& by) const;
  void open_index(const fs::path& index);

  fs::path path_;
  Json config_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;  // sorted by name
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace hone::checkpoints
