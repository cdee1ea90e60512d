// Small random models beside transformers and peft (tests/golden/README.md): what of a golden folder is compared, in
// any type to compute in.
//   expect_logits_and_losses({"models/tied", DType::float32});
#pragma once
#include <gtest/gtest.h>

#include "checkpoints/base/model_directory.h"
#include "data/rows/row.h"
#include "tests/support/environment.h"
#include "tests/support/tolerances.h"
#include "trainer/model/decoder.h"

namespace hone::test {

// The values of a tensor of a golden file.
std::vector<double> doubles(const checkpoints::SafetensorsFile& file, const std::string& name);
std::vector<double> values_of(const Tensor& tensor);
// The first token of a document is never a target.
data::Row row_of(const std::vector<int32_t>& tokens, std::vector<int32_t> labels, int64_t number);

// A folder below tests/golden and the model in it.
struct Golden {
  Golden(const std::string& name, DType type, bool trainable = false);
  void add_adapter(bool trainable);
  trainer::DeviceBatch batch(size_t row);
  std::vector<double> logits(size_t row);

  Stream stream = Stream::cpu(2);
  fs::path folder;
  checkpoints::ModelDirectory directory;
  Json expected;
  checkpoints::SafetensorsFile arrays;
  trainer::Decoder model;
  std::vector<std::vector<data::Row>> rows;  // documents of each golden row
};

struct GoldenCase {
  std::string name;
  DType dtype;
  double tolerance() const {
    return dtype == DType::float64 ? kFloat64Model : dtype == DType::bfloat16 ? kBfloat16Model : kFloat32Model;
  }
  double gradient_tolerance() const { return dtype == DType::bfloat16 ? kBfloat16Gradient : tolerance(); }
};
void PrintTo(const GoldenCase& c, std::ostream* out);
std::string case_name(const testing::TestParamInfo<GoldenCase>& info);

// Logits and losses without and with the adapter; every gradient of it, under every policy; greedy tokens.
void expect_logits_and_losses(const GoldenCase& c);
void expect_lora_gradients(const GoldenCase& c);
void expect_greedy_tokens(const GoldenCase& c);

}  // namespace hone::test
