// Where a decoder's values come from: a model directory, or a random start.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "checkpoints/base/model_directory.h"
#include "kernels/core/tensor.h"
#include "trainer/model/config.h"

namespace hone::trainer {

class Weights {
 public:
  virtual ~Weights() = default;
  virtual bool has(const std::string& name) const = 0;
  // Elements first … first + into.size() - 1 of a tensor of `shape`, in float32. Errors: missing, another shape, not
  // finite.
  virtual void read(const std::string& name, const Shape& shape, int64_t first, std::span<float> into) const = 0;
  virtual bool stored_as_bfloat16(const std::string&) const { return false; }
  virtual std::optional<checkpoints::Nf4Record> nf4(const std::string&) const {
    return {};
  }  // stored in 4 bits already
};

// The tensors of a Hugging Face model directory.
class DirectoryWeights final : public Weights {
 public:
  explicit DirectoryWeights(const checkpoints::ModelDirectory& directory) : directory_(directory) {}
  bool has(const std::string& name) const override { return directory_.has(name); }
  void read(const std::string& name, const Shape& shape, int64_t first, std::span<float> into) const override;
  bool stored_as_bfloat16(const std::string& name) const override;
  std::optional<checkpoints::Nf4Record> nf4(const std::string& name) const override { return directory_.nf4(name); }

 private:
  const checkpoints::ModelDirectory& directory_;
};

// A random start as transformers makes it: matrices and embeddings normal with deviation initializer_range (0.02),
// biases 0, norms 1. A value is a function of seed, tensor name and place.
class RandomWeights final : public Weights {
 public:
  RandomWeights(const Config& config, uint64_t seed, double deviation)
      : config_(config), seed_(seed), deviation_(deviation) {}
  bool has(const std::string& name) const override;
  void read(const std::string& name, const Shape& shape, int64_t first, std::span<float> into) const override;

 private:
  Config config_;
  uint64_t seed_;
  double deviation_;
};

}  // namespace hone::trainer
