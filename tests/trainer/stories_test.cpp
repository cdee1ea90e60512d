// A real trained model: stories260K beside an independent float64 forward pass (reference_float64.json says how it was
// made).
#include <gtest/gtest.h>

#include <numeric>

#include "data/tokenizer/tokenizer.h"
#include "tests/support/environment.h"
#include "tests/support/tolerances.h"
#include "trainer/evaluation/evaluate.h"
#include "trainer/generation/generate.h"
#include "trainer/model/batch.h"
#include "trainer/model/load.h"

namespace hone::test {
namespace {

class Stories : public testing::Test {
 protected:
  void SetUp() override {
    HONE_NEEDS_FIXTURES();
    const fs::path folder = *fixtures() / "models/stories260K-hf";
    directory_.emplace(folder);
    reference_ = read_json(folder / "reference_float64.json");
    const trainer::Config config = trainer::read_config(JsonView(directory_->config(), "config.json"));
    model_.emplace(trainer::load_decoder(stream_, config, trainer::DirectoryWeights(*directory_), {}));
  }
  std::vector<float> logits_of(const std::vector<int32_t>& tokens) {  // of the last position, without a cache
    data::Row row{.tokens = tokens, .labels = std::vector<int32_t>(tokens.size(), -100)};
    const std::vector<data::Row> rows{row};
    const trainer::DeviceBatch batch = upload(stream_, *model_, data::evaluation_batches(rows, 0).front());
    trainer::Tape tape = trainer::Tape::inference(stream_);
    const trainer::Var h = hidden_states(tape, *model_, batch);
    Tensor logits(stream_, {1, model_->config.vocabulary}, DType::float32);
    const int64_t last = h.value().rows() - 1;
    kernels::linear(stream_, logits, h.value().row_range(last, last + 1), autograd::operand(model_->head));
    return logits.to_host<float>();
  }

  Stream stream_ = Stream::cpu(2);
  std::optional<checkpoints::ModelDirectory> directory_;
  std::optional<trainer::Decoder> model_;
  Json reference_;
};

TEST_F(Stories, LogitsEqualTheReference) {
  const auto expected = reference_.at("first_step_logits_after_bos").get<std::vector<double>>();
  const std::vector<float> logits = logits_of({1});
  ASSERT_EQ(logits.size(), expected.size());
  const auto [low, high] = std::ranges::minmax(expected);
  for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], expected[i], 1e-4 * (high - low)) << i;
}

TEST_F(Stories, SixtyGreedyTokensAreIdenticalCachedAndUncached) {
  const auto expected = reference_.at("greedy_from_bos_ids").get<std::vector<int32_t>>();
  ASSERT_GE(expected.size(), 61u);
  const std::vector<int32_t> wanted(expected.begin() + 1, expected.begin() + 61), prompt{1};
  EXPECT_EQ(generate(stream_, *model_, prompt, {.max_new_tokens = 60}), wanted);
  std::vector<int32_t> text = prompt;
  for (int i = 0; i < 60; ++i) {
    const std::vector<float> logits = logits_of(text);
    text.push_back(int32_t(std::ranges::max_element(logits) - logits.begin()));
  }
  EXPECT_EQ(std::vector<int32_t>(text.begin() + 1, text.end()), wanted);
}

TEST_F(Stories, NegativeLogLikelihoodsEqualTheReference) {
  std::vector<data::Row> rows;
  std::vector<double> expected;
  for (const Json& one : reference_.at("nll_cases")) {
    data::Row row{.number = int64_t(rows.size()), .tokens = one.at("ids").get<std::vector<int32_t>>()};
    row.labels = row.tokens;
    row.labels[0] = -100;
    rows.push_back(row);
    expected.push_back(one.at("mean_nll").get<double>());
  }
  ASSERT_GE(rows.size(), 3u);
  const trainer::Evaluation together = evaluate(stream_, *model_, rows, 1 << 20),
                            alone = evaluate(stream_, *model_, rows, 0);
  for (size_t i = 0; i < rows.size(); ++i) {
    const double mean = together.rows[i].loss_sum / double(together.rows[i].target_tokens);
    EXPECT_NEAR(mean / expected[i], 1, kFloat32Model) << i;
    EXPECT_NEAR(alone.rows[i].loss_sum / together.rows[i].loss_sum, 1,
                kFloat32Model);  // packed documents do not see each other
  }
}

}  // namespace
}  // namespace hone::test
