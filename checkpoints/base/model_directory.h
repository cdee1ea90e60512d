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
#include "kernels/host/hash.h"
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

// Bytes on their way from a file.
struct TensorPiece {
  size_t index = 0;  // in the list of names
  FileDType dtype = FileDType::F32;
  uint64_t offset = 0;               // in the tensor
  bool last = false;                 // ends the tensor
  std::span<const std::byte> bytes;  // at an address that is a multiple of 8
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
  // Whole tensors, one after another in the order in which they lie in the files, whatever the order of `names`: each
  // from its first piece to its last, while a thread reads the next pieces past the page cache. A piece holds whole
  // blocks of 64 elements unless it is the last; an empty tensor is one empty piece. Takes a few pieces of memory
  // however large the tensors are. Values that are not finite are errors, as in read_float32.
  void stream(const std::vector<std::string>& names, const std::function<void(const TensorPiece&)>& take) const;
  // Where `weight` is stored in 4 bits; decided by the tensors that are there, not by config.json. Without `scales`
  // they are checked and not read.
  std::optional<Nf4Record> nf4(const std::string& weight, bool scales = true) const;
  // Holds what stream() and nf4() read of these tensors against a hash (xxh3) of all of a tensor's bytes; another one
  // is an error that names the tensor.
  void expect(std::map<std::string, std::string, std::less<>> hashes) { hashes_ = std::move(hashes); }

  // The files that hold the tensors, sorted by name.
  const std::vector<std::unique_ptr<SafetensorsFile>>& files() const { return files_; }

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
  void check_hash(const std::string& name, const Xxh3& hash) const;
  std::vector<std::byte> whole(const std::string& name) const;  // verified

  fs::path path_;
  Json config_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;  // sorted by name
  std::map<std::string, Place, std::less<>> places_;
  std::map<std::string, std::string, std::less<>> hashes_;
  mutable std::string fingerprint_;  // once it was asked for
};

}  // namespace hone::checkpoints
