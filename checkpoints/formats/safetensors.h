// safetensors: eight bytes of length, a JSON header, a buffer of tensors (format version of the library's README,
// 2026-05).
//   const SafetensorsFile file("model.safetensors");
//   const TensorInfo& norm = file.at("model.norm.weight");
//   std::vector<float> values(norm.elements());
//   file.read_float32(norm, 0, values);
// The reader trusts nothing: every rule of the format is checked before a byte of a tensor is used, and nothing is
// allocated from a number in the file alone. Errors carry ExitCode::input and name file and tensor.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/host/piece_reader.h"

namespace hone::checkpoints {

// In the writer's order: larger alignment first.
enum class FileDType {
  U64,
  I64,
  F64,
  C64,
  F32,
  U32,
  I32,
  BF16,
  F16,
  U16,
  I16,
  F8_E5M2FNUZ,
  F8_E4M3FNUZ,
  F8_E8M0,
  F8_E4M3,
  F8_E5M2,
  I8,
  U8,
  F6_E3M2,
  F6_E2M3,
  F4,
  BOOL
};
int64_t bits_of(FileDType);           // of one element: 4 to 64
std::string_view name_of(FileDType);  // "BF16"

struct TensorInfo {
  std::string name;
  FileDType dtype = FileDType::F32;
  std::vector<int64_t> shape;   // empty: a scalar
  uint64_t begin = 0, end = 0;  // bytes, from the start of the buffer; no alignment is promised
  int64_t elements() const;
};
std::string shape_text(const std::vector<int64_t>& shape);  // "(2, 3)"

class SafetensorsFile {
 public:
  explicit SafetensorsFile(const fs::path& path);
  const fs::path& path() const { return file_.path(); }
  const InputFile& file() const { return file_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // in the order of the buffer
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const TensorInfo* find(std::string_view name) const;  // null where there is none
  const TensorInfo& at(std::string_view name) const;    // an error where there is none
  const std::string& header() const { return header_; }

  // Fills `into` with the tensor's bytes from `offset` on.
  void read(const TensorInfo&, uint64_t offset, std::span<std::byte> into) const;
  // The same past the page cache, for what is read once.
  void read_uncached(const TensorInfo&, uint64_t offset, std::span<std::byte> into) const;
  // Where all of its bytes are, for a PieceReader. As long as this object lives.
  FileRange range(const TensorInfo& tensor) const {
    return {.file = &file_, .offset = buffer_ + tensor.begin, .bytes = tensor.end - tensor.begin};
  }
  // Overwrites `into` with elements first … first + into.size() - 1 of an F32, F16, BF16 or F64 tensor; F64 is rounded
  // to nearest even, the others are exact. Values that are not finite and other types are errors.
  void read_float32(const TensorInfo&, int64_t first, std::span<float> into) const;

 private:
  InputFile file_;
  std::string header_;
  uint64_t buffer_ = 0;  // where the tensors begin
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, size_t, std::less<>> index_;
};

// Overwrites `into`: bytes of an F32, F16, BF16 or F64 tensor as float32 values. `name` is for errors.
void widen(FileDType, std::span<const std::byte> bytes, std::span<float> into, std::string_view name);

// Refuses F32, F16, BF16 and F64 bytes that hold a value that is not finite, as the functions above do; other types
// pass.
void require_finite(FileDType, std::span<const std::byte> bytes, std::string_view name);

// What a file will hold.
struct TensorSpec {
  std::string name;
  FileDType dtype = FileDType::F32;
  std::vector<int64_t> shape;
};
// Writes as the library does: tensors by alignment, then by name; header padded to 8 bytes. The file appears under its
// name at commit().
//   SafetensorsWriter writer("model.safetensors", {{"a", FileDType::F32, {2}}, {"b", FileDType::U8, {3}}});
//   for (const TensorSpec& tensor : writer.order()) writer.put(tensor.name, bytes_of(tensor.name));
//   writer.commit();
// A tensor put out of order, too short or too long is a mistake of the caller and refused.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const fs::path& path, std::vector<TensorSpec> tensors,
                    const std::map<std::string, std::string>& metadata = {}, PageCache cache = PageCache::keep);
  const std::vector<TensorSpec>& order() const { return tensors_; }
  // The next bytes of `name`, little-endian, row-major: tensors in the order of order(), each in any number of pieces.
  void put(std::string_view name, std::span<const std::byte> bytes);
  void commit();

 private:
  void skip_complete();  // moves on from tensors that have all their bytes
  std::vector<TensorSpec> tensors_;
  FileWriter file_;
  size_t current_ = 0;
  uint64_t left_ = 0;  // of the current tensor
};

// A whole tensor in memory, as its bytes in the file.
struct HostTensor {
  std::string name;
  FileDType dtype = FileDType::F32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;
};
void write_safetensors(const fs::path& path, const std::vector<HostTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});
// As F32; `values` has as many elements as `shape`.
HostTensor host_tensor(std::string name, std::vector<int64_t> shape, std::span<const float> values);

}  // namespace hone::checkpoints
