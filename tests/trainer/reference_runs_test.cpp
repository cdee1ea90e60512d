// QLoRA of a real model on real data ends where peft + bitsandbytes ends after the same batches: the held-out loss
// within 2 % (tests/golden/README.md, reference_runs).
#include <gtest/gtest.h>

#include <fstream>

#include "data/dataset.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

void write_rows(const fs::path& file, std::span<const data::Row> rows) {
  std::ofstream out(file);
  for (const data::Row& row : rows) out << Json{{"input_ids", row.tokens}, {"labels", row.labels}}.dump() << '\n';
}

int64_t targets_of(std::span<const data::Row> rows) {
  int64_t count = 0;
  for (const data::Row& row : rows) count += row.learned();
  return count;
}

class ReferenceRunsSlow : public testing::Test {
 protected:
  void compare(const std::string& name, const std::string& file, data::RowKind kind) {
    HONE_NEEDS_FIXTURES();
    const Json expected = read_json(golden("reference_runs/" + name + ".json"));
    const Json& s = expected.at("settings");
    const fs::path model = *fixtures() / "models/stories260K-hf";
    const data::Tokenizer tokenizer = data::Tokenizer::load(model);
    ThreadPool pool(2);
    const data::Dataset dataset = data::Dataset::read(
        {.files = {{*fixtures() / file, kind}}, .max_length = s.at("max_length").get<int64_t>(), .vocabulary = 512},
        &tokenizer, pool);
    const std::span<const data::Row> all(dataset.rows());
    const auto train = all.first(expected.at("train").at("rows").get<size_t>()),
               held_out = all.last(expected.at("held_out").at("rows").get<size_t>());
    ASSERT_EQ(int64_t(all.size()), expected.at("rows").get<int64_t>());
    ASSERT_EQ(targets_of(train), expected.at("train").at("target_tokens").get<int64_t>());
    ASSERT_EQ(targets_of(held_out), expected.at("held_out").at("target_tokens").get<int64_t>());

    const TemporaryFolder folder;
    write_rows(folder / "train.jsonl", train);
    write_rows(folder / "held_out.jsonl", held_out);
    std::string recipe = "model: {path: " + model.string() + ", quantization: nf4}\n";
    recipe += "adapter: {r: " + s.at("r").dump() + ", lora_alpha: " + s.at("lora_alpha").dump() + "}\n";
    recipe += "data: {train: [{path: " + (folder / "train.jsonl").string() +
              ", type: tokens}], evaluation: [{path: " + (folder / "held_out.jsonl").string() +
              ", type: tokens}], shuffle: false, packing: false, max_length: 512}\n";
    recipe += "training: {max_steps: " + s.at("max_steps").dump() +
              ", micro_batch_size: " + s.at("micro_batch_size").dump() +
              ", learning_rate: " + s.at("learning_rate").dump() +
              ", lr_scheduler: cosine, warmup_steps: " + s.at("warmup_steps").dump() +
              ", max_grad_norm: " + s.at("max_grad_norm").dump() + "}\n";
    recipe += "output: {dir: " + (folder / "run").string() + "}\n";
    const fs::path file_of_recipe = folder.write("recipe.yaml", recipe);

    const Outcome run = run_hone({"train", file_of_recipe.string()});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const Json summary = read_json(folder / "run/summary.json");
    EXPECT_NEAR(
        summary.at("evaluation_before").get<double>() / expected.at("runs")[0].at("held_out_before").get<double>(), 1,
        1e-4);
    EXPECT_NEAR(summary.at("evaluation_after").get<double>() / expected.at("held_out_after_mean").get<double>(), 1,
                0.02);
    std::cout << name << ": held-out loss " << summary.at("evaluation_before") << " -> "
              << summary.at("evaluation_after") << ", peft + bitsandbytes " << expected.at("held_out_after_mean")
              << '\n';
  }
};

TEST_F(ReferenceRunsSlow, Shakespeare) { compare("shakespeare", "data/shakespeare/input.txt", data::RowKind::text); }
TEST_F(ReferenceRunsSlow, Instructions) {
  compare("instructions", "data/instructions/instruction-data.json", data::RowKind::alpaca);
}

}  // namespace
}  // namespace hone::test
