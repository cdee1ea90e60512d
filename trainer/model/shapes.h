// Sizes of known models, for planning without their files (model.shape). A new shape is a row.
//   const Config config = shape_config("llama-3.1-8b");
#pragma once
#include <string>

#include "trainer/model/weights.h"

namespace hone::trainer {

// As the model's published config.json says, but for what only arithmetic needs (longrope's factors, tokens that end a
// text). Error (ExitCode::usage): an unknown name, with the nearest and all there are.
Config shape_config(const std::string& name);
std::vector<std::string> shape_names();

// Elements of all tensors of a model, a tied head once.
int64_t parameter_count(const Config&);

// Stands where a model's weights would: 16 bits an element, as all these models are published. Nothing can be read.
class ShapeWeights final : public Weights {
 public:
  bool has(const std::string&) const override { return true; }
  void stream(const std::vector<WantedTensor>&, const Take&) const override {
    fail("[shape] has no values: a known shape can be planned, not loaded");
  }
  bool stored_as_bfloat16(const std::string&) const override { return true; }
};

}  // namespace hone::trainer
