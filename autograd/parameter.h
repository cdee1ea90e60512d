// What training may change, and the flat buffers it lives in.
#pragma once
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "kernels/core/quantized.h"

namespace hone::autograd {

struct Parameter {
  std::string name;
  Tensor value;
  Tensor grad;  // empty until a ParameterSet holds it; float32 (float64 for a float64 value)
  bool trainable = true, decay = true;
  Tensor narrowed = {};  // the value in the type that is computed in, while a NarrowedParameters lives; else empty
};
using ParameterPtr = std::shared_ptr<Parameter>;  // a tied head and embedding are one Parameter
using Weight = std::variant<ParameterPtr, QuantizedTensor>;

// The trainable parameters, each once: values, gradients (and the optimiser's moments) each in one flat buffer, decayed
// ones first, every piece padded to whole `padding` elements. Frozen parameters stay where they are.
class ParameterSet {
 public:
  static constexpr int64_t kPadding = 16;
  // The kinds are what the allocator counts values and gradients under.
  ParameterSet(Stream&, const std::vector<ParameterPtr>& parameters, MemoryKind values = 0, MemoryKind gradients = 0,
               int64_t padding = kPadding);
  Tensor& values() { return values_; }
  Tensor& gradients() { return gradients_; }
  int64_t decay_end() const { return decay_end_; }
  const std::vector<ParameterPtr>& trainable() const { return trainable_; }
  void clear_gradients(Stream&);

 private:
  friend class NarrowedParameters;
  std::vector<ParameterPtr> trainable_;
  std::vector<int64_t> firsts_;  // where their values begin
  Tensor values_, gradients_;
  int64_t decay_end_ = 0;
};

// For as long as it lives, all values of a set once more in the type that is computed in, made by one kernel: else
// every op that takes one converts it, hundreds of small kernels a step. Nothing may change the values meanwhile. With
// the values' own type it does nothing.
class NarrowedParameters {
 public:
  NarrowedParameters(Stream&, ParameterSet&, DType);
  ~NarrowedParameters();
  NarrowedParameters(const NarrowedParameters&) = delete;

 private:
  const ParameterSet& set_;
};

}  // namespace hone::autograd
