#include "trainer/model/weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/core/random.h"
#include "kernels/host/hash.h"

namespace hone::trainer {

void DirectoryWeights::read(const std::string& name, const Shape& shape, int64_t first, std::span<float> into) const {
  const std::vector<int64_t> found = directory_.shape(name);
  bool same = int(found.size()) == shape.rank();
  for (int i = 0; same && i < shape.rank(); ++i) same = found[size_t(i)] == shape[i];
  if (!same) {
    std::string text;
    for (const int64_t dim : found) text += (text.empty() ? "" : ", ") + std::to_string(dim);
    fail(ExitCode::input, directory_.path().string(), ": tensor ", name, ": expected shape ", shape,
         " by config.json, got (", text, "); do config.json and the weights belong together?");
  }
  directory_.read_float32(name, first, into);
}

bool DirectoryWeights::stored_as_bfloat16(const std::string& name) const {
  return directory_.dtype(name) == checkpoints::FileDType::BF16;
}

bool RandomWeights::has(const std::string& name) const {
  const bool bias = name.ends_with(".bias"), head = name.starts_with(config_.family->names.head);
  if (head) return !bias && !config_.tied;
  if (!bias) return true;
  return name.find("mlp") != std::string::npos ? config_.mlp_bias : config_.attention_bias;
}

void RandomWeights::read(const std::string& name, const Shape& shape, int64_t first, std::span<float> into) const {
  if (shape.rank() == 1) {
    std::ranges::fill(into, name.ends_with(".bias") ? 0.0f : 1.0f);
    return;
  }
  const RandomKey key{.seed = seed_ ^ std::stoull(xxh3_of(name).substr(0, 16), nullptr, 16)};
  for (size_t i = 0; i < into.size(); ++i) {  // Box and Muller's transform of two uniform numbers
    const auto numbers = random_block(key, uint32_t(first + int64_t(i)));
    const double u = (numbers[0] + 0.5) / 4294967296.0, angle = 2 * std::numbers::pi * numbers[1] / 4294967296.0;
    into[i] = float(deviation_ * std::sqrt(-2 * std::log(u)) * std::cos(angle));
  }
}

}  // namespace hone::trainer
