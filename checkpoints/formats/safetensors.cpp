#include "checkpoints/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>
#include <tuple>

#include "kernels/host/json.h"
#include "kernels/host/text.h"

namespace hone::checkpoints {

namespace {
struct DTypeRow {
  std::string_view name;
  int64_t bits;
};
constexpr std::array<DTypeRow, 22> kDTypes{
    {{"U64", 64},        {"I64", 64},    {"F64", 64},    {"C64", 64},    {"F32", 32}, {"U32", 32},
     {"I32", 32},        {"BF16", 16},   {"F16", 16},    {"U16", 16},    {"I16", 16}, {"F8_E5M2FNUZ", 8},
     {"F8_E4M3FNUZ", 8}, {"F8_E8M0", 8}, {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"I8", 8},   {"U8", 8},
     {"F6_E3M2", 6},     {"F6_E2M3", 6}, {"F4", 4},      {"BOOL", 8}}};
constexpr uint64_t kMostHeader = 100'000'000;
constexpr size_t kMostTensors = 1'000'000, kLongestName = 1024, kMostMetadata = size_t(1) << 20, kMostDims = 8;
// Of JSON in a header: an entry has 6 and its dimensions. Keeps the memory that a hostile header takes in bounds.
constexpr size_t kMostValues = kMostTensors * 10;

float widened_half(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 0) {
    const float magnitude = std::ldexp(float(fraction), -24);
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent == 31 ? 0x7F800000u : (exponent + 112) << 23) | fraction << 13);
}
}  // namespace

int64_t bits_of(FileDType dtype) { return kDTypes[size_t(dtype)].bits; }
std::string_view name_of(FileDType dtype) { return kDTypes[size_t(dtype)].name; }

int64_t TensorInfo::elements() const {
  int64_t count = 1;
  for (const int64_t dim : shape) count *= dim;
  return count;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t dim : shape) text += (text.empty() ? "" : ", ") + std::to_string(dim);
  return "(" + text + ")";
}

namespace {
// One entry of the header; the place in the buffer is checked later, against its neighbours.
TensorInfo read_entry(const std::string& name, const JsonView& entry) {
  const auto refuse = [&](const auto&... parts) {
    fail(ExitCode::input, entry.where(), ": tensor ", name, ": ", parts...);
  };
  TensorInfo info;
  info.name = name;
  for (const auto& [key, value] : entry.members())
    if (key != "dtype" && key != "shape" && key != "data_offsets") refuse("unknown key ", key);
  const std::string& dtype = entry.text("dtype");
  const auto row = std::ranges::find(kDTypes, dtype, &DTypeRow::name);
  if (row == kDTypes.end()) refuse("unknown dtype ", dtype);
  info.dtype = FileDType(row - kDTypes.begin());
  const std::vector<JsonView> dims = entry.at("shape").items();
  if (dims.size() > kMostDims) refuse(dims.size(), " dimensions, at most ", kMostDims, " are read");
  int64_t elements = 1;
  for (const JsonView& dim : dims) {
    info.shape.push_back(dim.as_integer(0));
    if (__builtin_mul_overflow(elements, info.shape.back(), &elements))
      refuse("shape ", shape_text(info.shape), " overflows");
  }
  uint64_t bits = 0;
  if (__builtin_mul_overflow(uint64_t(elements), uint64_t(row->bits), &bits))
    refuse("shape ", shape_text(info.shape), " of ", dtype, " overflows");
  if (bits % 8 != 0) refuse("its ", bits, " bits are no whole bytes");
  const std::vector<JsonView> offsets = entry.at("data_offsets").items();
  if (offsets.size() != 2) refuse("data_offsets: expected two numbers, got ", offsets.size());
  info.begin = uint64_t(offsets[0].as_integer(0)), info.end = uint64_t(offsets[1].as_integer(0));
  if (info.end < info.begin || info.end - info.begin != bits / 8)
    refuse("shape ", shape_text(info.shape), " of ", dtype, " needs ", bits / 8, " bytes, data_offsets are ",
           info.begin, " to ", info.end);
  return info;
}
}  // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) : file_(path) {
  const std::string where = path.string();
  require(file_.size() >= 8, ExitCode::input, where, ": ", file_.size(),
          " bytes are too few for a safetensors file; was it cut while copying?");
  std::array<std::byte, 8> prefix{};
  file_.read_at(0, prefix);
  uint64_t length = 0;
  for (size_t i = 0; i < 8; ++i) length |= uint64_t(prefix[i]) << (8 * i);
  require(length <= kMostHeader, ExitCode::input, where, ": header of ", length, " bytes, at most ", kMostHeader,
          " are allowed; is it a safetensors file?");
  require(length <= file_.size() - 8, ExitCode::input, where, ": header of ", length, " bytes in a file of ",
          file_.size(), "; was it cut while copying?");
  header_.resize(length);
  file_.read_at(8, std::as_writable_bytes(std::span(header_)));
  require(valid_utf8(header_), ExitCode::input, where, ": the header is not valid UTF-8");
  buffer_ = 8 + length;

  const Json header = parse_json(header_, where, {.bytes = kMostHeader, .depth = 4, .values = kMostValues});
  const JsonView view(header, where);
  size_t metadata_bytes = 0;
  for (const auto& [name, entry] : view.members()) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : entry.members()) {
        metadata_[key] = value.as_text();
        metadata_bytes += key.size() + metadata_[key].size();
      }
      continue;
    }
    require(name.size() <= kLongestName, ExitCode::input, where, ": a tensor's name has ", name.size(),
            " bytes, at most ", kLongestName, " are read");
    tensors_.push_back(read_entry(name, entry));
  }
  require(metadata_bytes <= kMostMetadata, ExitCode::input, where, ": ", metadata_bytes, " bytes of metadata, at most ",
          kMostMetadata, " are read");
  require(tensors_.size() <= kMostTensors, ExitCode::input, where, ": ", tensors_.size(), " tensors, at most ",
          kMostTensors, " are read");

  std::ranges::sort(tensors_, [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t at = 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    require(tensors_[i].begin == at, ExitCode::input, where, ": tensor ", tensors_[i].name, ": begins at byte ",
            tensors_[i].begin, ", expected ", at, ": tensors must lie one after another without holes");
    at = tensors_[i].end;
    index_.emplace(tensors_[i].name, i);
  }
  const uint64_t there = file_.size() - buffer_;
  require(at == there, ExitCode::input, where, ": the tensors take ", at, " bytes, the file holds ", there,
          at > there ? "; was it cut while copying?" : "; bytes after the last tensor are not allowed");
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const TensorInfo& SafetensorsFile::at(std::string_view name) const {
  const TensorInfo* const info = find(name);
  require(info != nullptr, ExitCode::input, path().string(), ": tensor ", name, " is missing");
  return *info;
}

namespace {
void check_range(const TensorInfo& tensor, uint64_t offset, uint64_t count) {
  const uint64_t size = tensor.end - tensor.begin;
  require(offset <= size && count <= size - offset, "[safetensors] bytes ", offset, " to ", offset + count,
          " of tensor ", tensor.name, ", which has ", size);
}
}  // namespace

void SafetensorsFile::read(const TensorInfo& tensor, uint64_t offset, std::span<std::byte> into) const {
  check_range(tensor, offset, into.size());
  file_.read_at(buffer_ + tensor.begin + offset, into);
}

void SafetensorsFile::read_uncached(const TensorInfo& tensor, uint64_t offset, std::span<std::byte> into) const {
  check_range(tensor, offset, into.size());
  const UncachedFile file(file_);
  const PageBuffer buffer(std::min(into.size(), PieceReader::kPiece) + 2 * PageBuffer::kPage);
  for (size_t done = 0; done < into.size(); done += PieceReader::kPiece) {
    const size_t count = std::min(into.size() - done, PieceReader::kPiece);
    std::ranges::copy(file.read(buffer_ + tensor.begin + offset + done, count, buffer), into.begin() + ptrdiff_t(done));
  }
}

namespace {
// Whether the exponent of any value has all its bits set. Without a branch, so that it runs at the speed of memory.
template <class Word>
bool any_not_finite(std::span<const std::byte> bytes, Word exponent) {
  Word found = 0;
  for (size_t i = 0; i + sizeof(Word) <= bytes.size(); i += sizeof(Word)) {
    Word word;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    found |= Word((word & exponent) == exponent);
  }
  return found != 0;
}
}  // namespace

void require_finite(FileDType dtype, std::span<const std::byte> bytes, std::string_view name) {
  const bool found = dtype == FileDType::BF16  ? any_not_finite<uint16_t>(bytes, 0x7F80)
                     : dtype == FileDType::F16 ? any_not_finite<uint16_t>(bytes, 0x7C00)
                     : dtype == FileDType::F32 ? any_not_finite<uint32_t>(bytes, 0x7F800000)
                     : dtype == FileDType::F64 ? any_not_finite<uint64_t>(bytes, 0x7FF0000000000000)
                                               : false;
  require(!found, ExitCode::input, "tensor ", name, ": holds a value that is not finite; the checkpoint is damaged");
}

void widen(FileDType dtype, std::span<const std::byte> bytes, std::span<float> into, std::string_view name) {
  const auto each = [&]<class Raw>(auto&& convert) {
    for (size_t i = 0; i < into.size(); ++i) {
      Raw raw;
      std::memcpy(&raw, bytes.data() + i * sizeof(Raw), sizeof(Raw));
      into[i] = convert(raw);
    }
  };
  switch (dtype) {
    case FileDType::F32:
      std::memcpy(into.data(), bytes.data(), into.size_bytes());
      break;
    case FileDType::BF16:
      each.template operator()<uint16_t>([](uint16_t raw) { return std::bit_cast<float>(uint32_t(raw) << 16); });
      break;
    case FileDType::F16:
      each.template operator()<uint16_t>(widened_half);
      break;
    case FileDType::F64:
      each.template operator()<double>([](double raw) { return float(raw); });
      break;
    default:
      fail(ExitCode::input, "tensor ", name, ": expected F32, F16, BF16 or F64, got ", name_of(dtype));
  }
  for (const float value : into)
    require(std::isfinite(value), ExitCode::input, "tensor ", name,
            ": holds a value that is not finite; the checkpoint is damaged");
}

void SafetensorsFile::read_float32(const TensorInfo& tensor, int64_t first, std::span<float> into) const {
  const int64_t elements = tensor.elements();
  require(first >= 0 && first <= elements && int64_t(into.size()) <= elements - first, "[safetensors] elements ", first,
          " and ", into.size(), " on of tensor ", tensor.name, ", which has ", elements);
  const int64_t bits = bits_of(tensor.dtype);
  if (tensor.dtype == FileDType::F32) {
    read(tensor, uint64_t(first) * 4, std::as_writable_bytes(into));
    return widen(tensor.dtype, std::as_bytes(into), into, tensor.name);
  }
  std::vector<std::byte> bytes(into.size() * size_t(bits) / 8);
  read(tensor, uint64_t(first) * uint64_t(bits) / 8, bytes);
  widen(tensor.dtype, bytes, into, tensor.name);
}

namespace {
uint64_t bytes_of(const TensorSpec& tensor) {
  uint64_t bits = uint64_t(bits_of(tensor.dtype));
  bool fits = true;
  for (const int64_t dim : tensor.shape) fits = fits && dim >= 0 && !__builtin_mul_overflow(bits, uint64_t(dim), &bits);
  require(fits && bits % 8 == 0, "[safetensors] tensor ", tensor.name, ": shape ", shape_text(tensor.shape), " of ",
          name_of(tensor.dtype), " is no number of bytes");
  return bits / 8;
}
std::vector<TensorSpec> in_file_order(std::vector<TensorSpec> tensors) {
  std::ranges::sort(tensors, [](const TensorSpec& a, const TensorSpec& b) {
    return std::tie(a.dtype, a.name) < std::tie(b.dtype, b.name);
  });
  std::set<std::string_view> names;
  for (const TensorSpec& tensor : tensors)
    require(names.insert(tensor.name).second, "[safetensors] tensor ", tensor.name, " is given twice");
  return tensors;
}
}  // namespace

SafetensorsWriter::SafetensorsWriter(const fs::path& path, std::vector<TensorSpec> tensors,
                                     const std::map<std::string, std::string>& metadata, PageCache cache)
    : tensors_(in_file_order(std::move(tensors))), file_(path, cache) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t begin = 0;
  for (const TensorSpec& tensor : tensors_) {
    const uint64_t end = begin + bytes_of(tensor);
    header[tensor.name] =
        OrderedJson{{"dtype", name_of(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  require(text.size() <= kMostHeader, "[safetensors] a header of ", text.size(), " bytes is too long");
  std::string prefix;
  for (size_t i = 0; i < 8; ++i) prefix += char(text.size() >> (8 * i) & 255);
  file_.write(prefix);
  file_.write(text);
  if (!tensors_.empty()) left_ = bytes_of(tensors_[0]);
}

void SafetensorsWriter::skip_complete() {
  while (left_ == 0 && current_ < tensors_.size())
    if (++current_ < tensors_.size()) left_ = bytes_of(tensors_[current_]);
}

void SafetensorsWriter::put(std::string_view name, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  skip_complete();
  require(current_ < tensors_.size() && tensors_[current_].name == name, "[safetensors] tensor ", name,
          " is put where ", current_ < tensors_.size() ? tensors_[current_].name : "the end", " is next");
  require(bytes.size() <= left_, "[safetensors] tensor ", name, ": ", bytes.size(), " bytes are put, ", left_,
          " are missing");
  file_.write(bytes);
  left_ -= bytes.size();
}

void SafetensorsWriter::commit() {
  skip_complete();
  require(current_ == tensors_.size(), "[safetensors] tensor ",
          current_ < tensors_.size() ? tensors_[current_].name : "", " misses ", left_, " bytes");
  file_.commit();
}

void write_safetensors(const fs::path& path, const std::vector<HostTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<TensorSpec> specs;
  std::map<std::string_view, const HostTensor*> by_name;
  for (const HostTensor& tensor : tensors) {
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
    by_name[tensor.name] = &tensor;
    require(tensor.bytes.size() == bytes_of(specs.back()), "[safetensors] tensor ", tensor.name, ": shape ",
            shape_text(tensor.shape), " of ", name_of(tensor.dtype), " needs ", bytes_of(specs.back()), " bytes, got ",
            tensor.bytes.size());
  }
  SafetensorsWriter writer(path, std::move(specs), metadata);
  for (const TensorSpec& spec : writer.order()) writer.put(spec.name, by_name.at(spec.name)->bytes);
  writer.commit();
}

HostTensor host_tensor(std::string name, std::vector<int64_t> shape, std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  return {std::move(name), FileDType::F32, std::move(shape), {bytes.begin(), bytes.end()}};
}

}  // namespace hone::checkpoints
