#include "checkpoints/base/model_directory.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <set>

#include "kernels/host/text.h"

namespace hone::checkpoints {

namespace {
// What bitsandbytes says of a weight in 4 bits stands beside it, under the weight's name and this.
const std::string kNf4State = ".quant_state.bitsandbytes__nf4", kFp4State = ".quant_state.bitsandbytes__fp4";

// A shard is named by its bare file name: an index that points elsewhere is an attack or a mistake.
void check_shard_name(const std::string& name, const std::string& where) {
  const bool bare =
      !name.empty() && name.find_first_of(std::string("/\\\0", 3)) == std::string::npos && name != "." && name != "..";
  require(bare && name.ends_with(".safetensors"), ExitCode::input, where,
          ": weight_map: expected the bare name of a .safetensors file in the same folder");
}
}  // namespace

std::optional<fs::path> file_of_model(const fs::path& folder, const std::string& name) {
  const fs::path path = folder / name;
  const fs::file_status status = fs::symlink_status(path);
  if (!fs::exists(status)) return {};
  if (!fs::is_symlink(status)) return path;
  std::error_code error;
  const fs::path target = fs::canonical(path, error);
  require(!error, ExitCode::input, path.string(), ": a link that leads nowhere; download the model again");
  const fs::path home = fs::canonical(folder), revisions = home.parent_path();
  const bool cached = revisions.filename() == "snapshots" && target.parent_path() == revisions.parent_path() / "blobs";
  require(cached || target.parent_path() == home, ExitCode::input, path.string(),
          ": a link out of the model directory; links are followed within it and within Hugging Face's cache only. "
          "Copy the file here");
  return path;
}

fs::path ModelDirectory::required(const std::string& name, const std::string& by) const {
  const std::optional<fs::path> file = file_of_model(path_, name);
  require(file.has_value(), ExitCode::input, missing_text(path_ / name), by);
  return *file;
}

ModelDirectory::ModelDirectory(const fs::path& path) : path_(path) {
  require(fs::exists(path), ExitCode::input, missing_text(path));
  require(fs::is_directory(path), ExitCode::input, path.string(),
          ": expected a model directory (config.json, *.safetensors), got a file");
  config_ = read_json(required("config.json", "; expected a Hugging Face model directory"));
  require(config_.is_object(), ExitCode::input, (path / "config.json").string(), ": expected an object");
  if (const auto single = file_of_model(path, "model.safetensors")) {
    files_.push_back(std::make_unique<SafetensorsFile>(*single));
    for (const TensorInfo& info : files_[0]->tensors()) places_.emplace(info.name, Place{files_[0].get(), &info});
  } else if (const auto index = file_of_model(path, "model.safetensors.index.json")) {
    open_index(*index);
  } else {
    for (const fs::path& entry : entries_of(path)) {
      const std::string name = entry.filename().string();
      require(!name.starts_with("model-") || !name.ends_with(".safetensors"), ExitCode::input, path.string(), ": ",
              name, " is there without model.safetensors.index.json; download the index too");
    }
    const bool pickled = fs::exists(path / "pytorch_model.bin") || fs::exists(path / "pytorch_model.bin.index.json");
    require(!pickled, ExitCode::input, path.string(),
            ": holds pytorch_model.bin only; save the model as safetensors (save_pretrained does)");
  }
}

void ModelDirectory::open_index(const fs::path& index) {
  const Json json = read_json(index);
  const JsonView map = JsonView(json, index.string()).at("weight_map");
  std::map<std::string, const SafetensorsFile*> shards;
  for (const auto& [name, value] : map.members()) {
    const std::string& shard = value.as_text();
    check_shard_name(shard, index.string());
    shards.emplace(shard, nullptr);
  }
  require(!shards.empty(), ExitCode::input, index.string(), ": weight_map names no tensor");
  for (auto& [shard, file] : shards) {
    files_.push_back(std::make_unique<SafetensorsFile>(
        required(shard, ", which model.safetensors.index.json names; download it too")));
    file = files_.back().get();
    for (const TensorInfo& info : file->tensors()) {
      const auto listed = map.find(info.name);
      require(listed && listed->as_text() == shard, ExitCode::input, file->path().string(), ": tensor ", info.name,
              ": ", listed ? "the index says it is in another shard" : "the index does not list it");
      places_.emplace(info.name, Place{file, &info});
    }
  }
  for (const auto& [name, value] : map.members())
    require(places_.contains(name), ExitCode::input, index.string(), ": tensor ", name, " is not in ", value.as_text());
}

std::vector<std::string> ModelDirectory::names() const {
  std::vector<std::string> all;
  for (const auto& [name, place] : places_) all.push_back(name);
  return all;
}

const ModelDirectory::Place* ModelDirectory::place(std::string_view name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &found->second;
}

const ModelDirectory::Place& ModelDirectory::at(std::string_view name) const {
  const Place* const found = place(name);
  require(has_weights(), ExitCode::input, path_.string(),
          ": has no weights (model.safetensors); copy them, or set model.weights: random to start from nothing");
  if (!found) {
    const auto near = nearest(name, names());
    fail(ExitCode::input, path_.string(), ": tensor ", name, " is missing", near ? " (nearest: " + *near + ")" : "",
         "; do config.json and the weights belong together?");
  }
  return *found;
}

void ModelDirectory::read_float32(const std::string& name, int64_t first, std::span<float> into) const {
  const Place& found = at(name);
  try {
    found.file->read_float32(*found.info, first, into);
  } catch (const Error& error) {
    const std::string text = error.what();
    fail(error.code(), text.starts_with(found.file->path().string()) ? "" : found.file->path().string() + ": ", text);
  }
}

void ModelDirectory::read_bytes(const std::string& name, uint64_t offset, std::span<std::byte> into) const {
  const Place& found = at(name);
  found.file->read(*found.info, offset, into);
}

void ModelDirectory::check_hash(const std::string& name, const Xxh3& hash) const {
  const auto expected = hashes_.find(name);
  require(expected == hashes_.end() || expected->second == hash.hex(), ExitCode::input, at(name).file->path().string(),
          ": tensor ", name, ": its bytes are not those that were written; the file is damaged");
}

std::vector<std::byte> ModelDirectory::whole(const std::string& name) const {
  const Place& found = at(name);
  std::vector<std::byte> bytes(size_t(found.info->end - found.info->begin));
  found.file->read_uncached(*found.info, 0, bytes);
  Xxh3 hash;
  hash.add(bytes);
  check_hash(name, hash);
  return bytes;
}

void ModelDirectory::stream(const std::vector<std::string>& names,
                            const std::function<void(const TensorPiece&)>& take) const {
  std::vector<size_t> order(names.size());
  std::vector<const Place*> places;
  for (size_t i = 0; i < names.size(); ++i) order[i] = i, places.push_back(&at(names[i]));
  const auto lies = [&](size_t i) {
    return std::pair<std::string, uint64_t>(places[i]->file->path().string(), places[i]->info->begin);
  };
  std::ranges::stable_sort(order, {}, lies);
  std::vector<FileRange> ranges;
  for (const size_t i : order) ranges.push_back(places[i]->file->range(*places[i]->info));
  std::optional<Xxh3> hash;
  PieceReader reader(ranges, [&](const FilePiece& piece) {
    const size_t i = order[piece.range];
    try {  // codes of 4 bits are bytes, whatever type they are seen as
      if (!has(names[i] + kNf4State)) require_finite(places[i]->info->dtype, piece.bytes, names[i]);
    } catch (const Error& error) {
      fail(error.code(), places[i]->file->path().string(), ": ", error.what());
    }
    if (hashes_.empty()) return;
    if (piece.offset == 0) hash.emplace();
    hash->add(piece.bytes);
    if (piece.last) check_hash(names[i], *hash);
  });
  while (const std::optional<FilePiece> piece = reader.next()) {
    const size_t i = order[piece->range];
    take({.index = i,
          .dtype = places[i]->info->dtype,
          .offset = piece->offset,
          .last = piece->last,
          .bytes = piece->bytes});
  }
}

namespace {
// The 16 levels of the format, to tell NF4 from another table; kernels/nf4 has them by their bits.
constexpr std::array<float, 16> kLevels{-1.0f,
                                        -0.6961928009986877f,
                                        -0.5250730514526367f,
                                        -0.39491748809814453f,
                                        -0.28444138169288635f,
                                        -0.18477343022823334f,
                                        -0.09105003625154495f,
                                        0.0f,
                                        0.07958029955625534f,
                                        0.16093020141124725f,
                                        0.24611230194568634f,
                                        0.33791524171829224f,
                                        0.44070982933044434f,
                                        0.5626170039176941f,
                                        0.7229568362236023f,
                                        1.0f};
}  // namespace

std::optional<Nf4Record> ModelDirectory::nf4(const std::string& weight, bool scales) const {
  const std::string state_name = weight + kNf4State;
  const Place* const state_place = place(state_name);
  require(!has(weight + kFp4State), ExitCode::input, path_.string(), ": ", weight,
          " is stored as bitsandbytes fp4; supported: nf4, or a checkpoint that is not quantised");
  if (!state_place) {
    require(!has(weight + ".absmax"), ExitCode::input, path_.string(), ": ", weight, ".absmax is there, ", state_name,
            " is missing; supported: bitsandbytes nf4 as transformers saves it");
    return {};
  }
  const std::string where = path_.string() + ": " + weight;
  const auto refuse = [&](bool holds, const auto&... parts) { require(holds, ExitCode::input, where, ": ", parts...); };

  const uint64_t state_bytes = state_place->info->end - state_place->info->begin;
  refuse(state_place->info->dtype == FileDType::U8 && state_bytes <= 4096, "its quant_state is not a short text");
  const std::vector<std::byte> state_text = whole(state_name);
  const std::string text(reinterpret_cast<const char*>(state_text.data()), state_text.size());
  const Json state = parse_json(text, where + ".quant_state");
  const JsonView view(state, where + ".quant_state");
  static const std::set<std::string> known{"absmax",      "quant_map",        "nested_absmax", "nested_quant_map",
                                           "quant_state", "quant_type",       "blocksize",     "dtype",
                                           "shape",       "nested_blocksize", "nested_dtype",  "nested_offset"};
  for (const auto& [key, value] : view.members())
    refuse(known.contains(key), "unknown key ", key, " in its quant_state");
  refuse(view.text("quant_type") == "nf4", "expected quant_type nf4, got ", view.text("quant_type"));
  refuse(view.integer("blocksize") == 64, "expected blocks of 64, got ", view.integer("blocksize"));
  const std::string& type = view.text("dtype");
  refuse(type == "float32" || type == "float16" || type == "bfloat16", "quant_state: unknown dtype ", type);
  const std::vector<JsonView> dims = view.at("shape").items();
  refuse(dims.size() == 2, "expected a matrix, its shape has ", dims.size(), " dimensions");

  Nf4Record record;
  constexpr int64_t kMost = int64_t(1) << 40;
  record.rows = dims[0].as_integer(1, kMost), record.width = dims[1].as_integer(1, kMost);
  int64_t elements = 0;
  refuse(!__builtin_mul_overflow(record.rows, record.width, &elements) && elements <= kMost, "shape is too large");
  const int64_t blocks = (elements + 63) / 64, nested_blocks = (blocks + 255) / 256;
  const Place& codes = at(weight);  // uint8, or the same bytes seen as a wider type (bnb_4bit_quant_storage)
  const uint64_t code_bytes = codes.info->end - codes.info->begin, wanted = uint64_t((elements + 1) / 2);
  refuse(code_bytes == wanted, "expected ", wanted, " bytes of codes for (", record.rows, ", ", record.width, "), got ",
         code_bytes);

  const auto floats = [&](const char* part, int64_t count, bool wanted_now = true) {
    const std::string name = weight + "." + part;
    refuse(at(name).info->elements() == count && dtype(name) == FileDType::F32, part, ": expected ", count,
           " values of F32, got ", at(name).info->elements(), " of ", name_of(dtype(name)));
    std::vector<float> values(static_cast<size_t>(wanted_now ? count : 0));
    if (!wanted_now) return values;
    widen(FileDType::F32, whole(name), values, name);
    return values;
  };
  refuse(std::ranges::equal(floats("quant_map", 16), kLevels), "its quant_map is not NF4's");
  record.nested = has(weight + ".nested_absmax");
  if (record.nested) {
    refuse(view.integer("nested_blocksize") == 256, "expected nested blocks of 256, got ",
           view.integer("nested_blocksize"));
    refuse(view.text("nested_dtype") == "float32", "expected nested_dtype float32, got ", view.text("nested_dtype"));
    const std::string name = weight + ".absmax";
    refuse(at(name).info->elements() == blocks && dtype(name) == FileDType::U8, "absmax: expected ", blocks,
           " values of U8, got ", at(name).info->elements(), " of ", name_of(dtype(name)));
    if (scales) {
      const std::vector<std::byte> bytes = whole(name);
      record.absmax_codes.resize(bytes.size());
      std::memcpy(record.absmax_codes.data(), bytes.data(), bytes.size());
    }
    record.nested_absmax = floats("nested_absmax", nested_blocks, scales);
    record.nested_map = floats("nested_quant_map", 256);
    record.offset = float(view.number("nested_offset"));
    refuse(std::isfinite(record.offset), "nested_offset is too large for float32");
  } else {
    record.absmax = floats("absmax", blocks, scales);
  }
  record.read_codes = [file = codes.file, info = codes.info](uint64_t offset, std::span<std::byte> into) {
    file->read(*info, offset, into);
  };
  return record;
}

std::string ModelDirectory::fingerprint() const {
  if (!fingerprint_.empty()) return fingerprint_;
  Xxh3 hash;
  hash.add(config_.dump());
  std::array<std::byte, 4096> buffer{};
  for (const auto& file : files_) {
    hash.add(joined(file->path().filename().string(), '\n', file->header().size(), '\n'));
    hash.add(file->header());  // with the places of the tensors, so with the size
    for (const TensorInfo& info : file->tensors()) {
      const std::span<std::byte> part(buffer.data(), size_t(std::min<uint64_t>(buffer.size(), info.end - info.begin)));
      for (const uint64_t offset : {uint64_t(0), info.end - info.begin - part.size()}) {
        file->read_uncached(info, offset, part);
        hash.add(part);
      }
    }
  }
  return fingerprint_ = hash.hex();
}

}  // namespace hone::checkpoints
