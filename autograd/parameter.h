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
  std::vector<ParameterPtr> trainable_;
  Tensor values_, gradients_;
  int64_t decay_end_ = 0;
};

}  // namespace hone::autograd
