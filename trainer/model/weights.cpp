#include "trainer/model/weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/core/random.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/host/hash.h"
#include "kernels/random_normal/random_normal.h"

namespace hone::trainer {

void DirectoryWeights::check_shape(const WantedTensor& wanted) const {
  const auto& [name, shape, codes] = wanted;
  const std::vector<int64_t> found = directory_.shape(name);
  bool same = codes || int(found.size()) == shape.rank();
  for (int i = 0; same && !codes && i < shape.rank(); ++i) same = found[size_t(i)] == shape[i];
  if (!same) {
    std::string text;
    for (const int64_t dim : found) text += (text.empty() ? "" : ", ") + std::to_string(dim);
    fail(ExitCode::input, directory_.path().string(), ": tensor ", name, ": expected shape ", shape,
         " by config.json, got (", text, "); do config.json and the weights belong together?");
  }
}

void DirectoryWeights::stream(const std::vector<WantedTensor>& wanted, const Take& take) const {
  std::vector<std::string> names;
  for (const WantedTensor& tensor : wanted) {
    check_shape(tensor);
    names.push_back(tensor.name);
  }
  std::vector<float> wide;
  directory_.stream(names, [&](const checkpoints::TensorPiece& piece) {
    using checkpoints::FileDType;
    const bool codes = wanted[piece.index].codes,
               as_is = piece.dtype == FileDType::F32 || piece.dtype == FileDType::BF16;
    WeightPiece out{.index = piece.index, .last = piece.last, .bytes = piece.bytes};
    const size_t size = codes ? 1 : size_t(checkpoints::bits_of(piece.dtype)) / 8;
    out.first = int64_t(piece.offset / std::max<size_t>(size, 1));
    if (codes) {
      out.dtype = DType::uint8;
    } else if (as_is) {
      out.dtype = piece.dtype == FileDType::F32 ? DType::float32 : DType::bfloat16;
    } else {
      wide.resize(size == 0 ? 0 : piece.bytes.size() / size);
      checkpoints::widen(piece.dtype, piece.bytes, wide, names[piece.index]);
      out.bytes = std::as_bytes(std::span(wide));
    }
    take(out);
  });
}

bool DirectoryWeights::stored_as_bfloat16(const std::string& name) const {
  return directory_.dtype(name) == checkpoints::FileDType::BF16;
}

namespace {
RandomKey key_of(uint64_t seed, const std::string& name) {
  return {.seed = seed ^ std::stoull(xxh3_of(name).substr(0, 16), nullptr, 16)};
}
}  // namespace

bool RandomWeights::has(const std::string& name) const {
  const bool bias = name.ends_with(".bias"), head = name.find(config_.family->names.head) != std::string::npos;
  if (head) return !bias && !config_.tied;
  if (!bias) return true;
  return name.find("mlp") != std::string::npos ? config_.mlp_bias : config_.attention_bias;
}

bool RandomWeights::zero_where_alone(const std::string& name) const {
  return name.ends_with(".bias") || config_.family->norms_plus_one;
}

void RandomWeights::stream(const std::vector<WantedTensor>& wanted, const Take& take) const {
  constexpr int64_t kPiece = int64_t(1) << 20;
  std::vector<float> values;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const int64_t all = wanted[i].shape.elements();
    int64_t first = 0;
    do {
      values.resize(size_t(std::min(kPiece, all - first)));
      fill(wanted[i], first, values);
      const int64_t end = first + int64_t(values.size());
      take({.index = i, .first = first, .last = end == all, .bytes = std::as_bytes(std::span(values))});
      first = end;
    } while (first < all);
  }
}

void RandomWeights::fill(const WantedTensor& wanted, int64_t first, std::span<float> into) const {
  const auto& [name, shape, codes] = wanted;
  if (shape.rank() == 1) {
    std::ranges::fill(into, zero_where_alone(name) ? 0.0f : 1.0f);
    return;
  }
  const RandomKey key = key_of(seed_, name);
  for (size_t i = 0; i < into.size(); ++i) {  // Box and Muller's transform of two uniform numbers
    const auto numbers = random_block(key, uint32_t(first + int64_t(i)));
    const double u = (numbers[0] + 0.5) / 4294967296.0, angle = 2 * std::numbers::pi * numbers[1] / 4294967296.0;
    into[i] = float(deviation_ * std::sqrt(-2 * std::log(u)) * std::cos(angle));
  }
}

void RandomOnDevice::stream(const std::vector<WantedTensor>& wanted, const Take& take) const {
  constexpr int64_t kPiece = int64_t(1) << 24;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto& [name, shape, codes] = wanted[i];
    const int64_t all = shape.elements();
    int64_t first = 0;
    do {
      Tensor values(stream_, {std::min(kPiece, all - first)}, DType::bfloat16);
      if (shape.rank() == 1)
        kernels::fill(stream_, values, names_.zero_where_alone(name) ? 0 : 1);
      else
        kernels::random_normal(stream_, values, deviation_, key_of(seed_, name), first);
      const int64_t end = first + values.elements();
      take({.index = i, .first = first, .last = end == all, .dtype = DType::bfloat16, .bytes = {}, .values = values});
      first = end;
    } while (first < all);
  }
}

}  // namespace hone::trainer
