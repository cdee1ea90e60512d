// Where a decoder's values come from: a model directory, or a random start.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoints/base/model_directory.h"
#include "kernels/core/tensor.h"
#include "trainer/model/config.h"

namespace hone::trainer {

struct WantedTensor {
  std::string name;
  Shape shape;
  bool codes = false;  // its bytes as they are stored (packed 4-bit codes), not values
};
// Some elements of a wanted tensor.
struct WeightPiece {
  size_t index = 0;                  // in the list of what is wanted
  int64_t first = 0;                 // element
  bool last = false;                 // ends the tensor
  DType dtype = DType::float32;      // float32, or bfloat16 where it is stored so; codes: uint8
  std::span<const std::byte> bytes;  // at an address that is a multiple of 8
  Tensor values = {};                // or, without bytes, on the device that asked
  int64_t elements() const { return values ? values.elements() : int64_t(bytes.size() / size_of(dtype)); }
};

class Weights {
 public:
  using Take = std::function<void(const WeightPiece&)>;
  virtual ~Weights() = default;
  virtual bool has(const std::string& name) const = 0;
  // Hands out every wanted tensor, whole, one after another in whatever order is best to read, each from its first
  // piece to its last: blocks of 64 elements, but for the last; an empty tensor is one empty piece. Errors: missing,
  // another shape, not finite.
  virtual void stream(const std::vector<WantedTensor>& wanted, const Take& take) const = 0;
  virtual bool stored_as_bfloat16(const std::string&) const { return false; }
  // Stored in 4 bits already; without `scales` they are not read.
  virtual std::optional<checkpoints::Nf4Record> nf4(const std::string&, bool /*scales*/ = true) const { return {}; }
};

// The tensors of a Hugging Face model directory.
class DirectoryWeights final : public Weights {
 public:
  explicit DirectoryWeights(const checkpoints::ModelDirectory& directory) : directory_(directory) {}
  bool has(const std::string& name) const override { return directory_.has(name); }
  void stream(const std::vector<WantedTensor>& wanted, const Take& take) const override;
  bool stored_as_bfloat16(const std::string& name) const override;
  std::optional<checkpoints::Nf4Record> nf4(const std::string& name, bool scales) const override {
    return directory_.nf4(name, scales);
  }

 private:
  void check_shape(const WantedTensor& wanted) const;
  const checkpoints::ModelDirectory& directory_;
};

// A random start as transformers makes it: matrices and embeddings normal with deviation initializer_range (0.02),
// biases 0, norms 1 (stored as 0 where that means 1). A value is a function of seed, tensor name and place.
class RandomWeights final : public Weights {
 public:
  RandomWeights(const Config& config, uint64_t seed, double deviation)
      : config_(config), seed_(seed), deviation_(deviation) {}
  bool has(const std::string& name) const override;
  void stream(const std::vector<WantedTensor>& wanted, const Take& take) const override;
  bool zero_where_alone(const std::string& name) const;  // a bias or a norm: starts as 0, else as 1

 private:
  void fill(const WantedTensor& wanted, int64_t first, std::span<float> into) const;
  Config config_;
  uint64_t seed_;
  double deviation_;
};

// The same distributions, made on the device itself and as if stored in bfloat16, for what trains no better with one
// start than another: an 8B model on a GPU takes a moment, and no host memory. The stream is the loader's.
class RandomOnDevice final : public Weights {
 public:
  RandomOnDevice(Stream& stream, const Config& config, uint64_t seed, double deviation)
      : stream_(stream), names_(config, seed, deviation), seed_(seed), deviation_(deviation) {}
  bool has(const std::string& name) const override { return names_.has(name); }
  void stream(const std::vector<WantedTensor>& wanted, const Take& take) const override;
  bool stored_as_bfloat16(const std::string&) const override { return true; }

 private:
  Stream& stream_;
  RandomWeights names_;
  uint64_t seed_;
  double deviation_;
};

}  // namespace hone::trainer
