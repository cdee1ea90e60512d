// Time by arithmetic: calls whose bytes and seconds are added up by hand, and what a faster GPU must do to them.
#include <gtest/gtest.h>

#include "kernels/adamw/adamw.h"
#include "kernels/core/gemm.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/embedding/embedding.h"
#include "kernels/nf4/nf4.h"
#include "trainer/model/shapes.h"
#include "trainer/run/planning.h"

namespace hone::test {
namespace {

using namespace trainer;
using kernels::Transpose;

// Rates that make sums by hand short: a microsecond for 1,000 operations, for 1,000 bytes, for a launch.
constexpr Gpu kSlow{.name = "slow",
                    .title = "Slow",
                    .memory = 1 << 20,
                    .reserve = 0,
                    .matrix_flops = 1e9,
                    .memory_bytes = 1e9,
                    .attention_flops = 1e9,
                    .attention_backward_flops = 1e9,
                    .own_attention_flops = 1e9,
                    .own_attention_backward_flops = 1e9,
                    .attention_by_library = false,
                    .launch = 1e-6};

class Counted {
 public:
  Counted() { stream.count_into(&work); }
  Tensor tensor(const Shape& shape, DType dtype = DType::bfloat16) { return {stream, shape, dtype}; }
  const Work::Call& last() const { return work.calls().back(); }

  Stream stream = Stream::meta(DeviceType::cuda);
  Work work;
};

TEST(Work, CountsTheBytesThatKernelsMove) {
  Counted on;
  Tensor c = on.tensor({64, 32}), a = on.tensor({64, 16}), b = on.tensor({32, 16});
  kernels::gemm(on.stream, c, a, Transpose::no, b, Transpose::yes);
  EXPECT_EQ(on.last().bytes, 2.0 * (64 * 32 + 64 * 16 + 32 * 16));  // no workspace
  EXPECT_GT(on.last().given, on.last().bytes);
  kernels::gemm(on.stream, c, a, Transpose::no, b, Transpose::yes, 1, 1);
  EXPECT_EQ(on.last().count, 2);
  EXPECT_EQ(on.last().bytes, 2.0 * (3 * 64 * 32 + 2 * 64 * 16 + 2 * 32 * 16));  // c is read as well

  Tensor rows = on.tensor({10, 48}), table = on.tensor({5000, 48});
  const Tensor tokens = on.tensor({10}, DType::int32);
  kernels::embedding(on.stream, rows, tokens, table);
  EXPECT_EQ(on.last().bytes, 2.0 * 10 * 48 * 2 + 10 * 4);  // ten rows of the table
  Tensor dtable = on.tensor({5000, 48}, DType::float32);
  kernels::embedding_backward(on.stream, dtable, rows, tokens);
  EXPECT_EQ(on.last().bytes, 10 * 48 * (2.0 + 4 + 4) + 10 * 4);

  // A tile of a weight: its own codes and scales.
  const QuantizedTensor weight = kernels::nf4_empty(on.stream, {256, 128});
  Tensor tile = on.tensor({64, 128});
  kernels::nf4_dequantize(on.stream, tile, weight, 64);
  EXPECT_EQ(on.last().bytes, 64 * 128 * (2 + 0.5 + 4.0 / 64));

  const Tensor factor = on.tensor({1}, DType::float32);
  kernels::scale(on.stream, c, factor);
  EXPECT_EQ(on.last().bytes, 2.0 * 2 * 64 * 32);  // read and written
  Tensor values = on.tensor({1000}, DType::float32), first = values, second = values;
  Tensor steps = on.tensor({1}, DType::float64), totals = on.tensor({kernels::kTotals}, DType::float64);
  kernels::adamw(on.stream, values, first, second, steps, values, totals, {}, 1e-3, 0);
  EXPECT_EQ(on.last().bytes, 7.0 * 4 * 1000);
  kernels::fill(on.stream, c, 0);
  EXPECT_EQ(on.last().bytes, 2.0 * 64 * 32);  // nothing said: each tensor once
}

TEST(Roofline, IsTheLongerOfOperationsAndBytesAndALaunch) {
  Counted on;
  Tensor c = on.tensor({64, 32}), a = on.tensor({64, 16}), b = on.tensor({32, 16});
  kernels::gemm(on.stream, c, a, Transpose::no, b, Transpose::yes);  // 65,536 operations, 7,168 bytes
  const KernelTime product = expected(kSlow, on.last());
  EXPECT_EQ(product.kind, "products");
  EXPECT_FALSE(product.by_bytes);
  EXPECT_NEAR(product.seconds, 65.536e-6 + 1e-6, 1e-12);

  Tensor thin = on.tensor({64, 2}), one = on.tensor({64, 1}), two = on.tensor({2, 1});
  kernels::gemm(on.stream, thin, one, Transpose::no, two, Transpose::yes);  // 256 operations, 388 bytes
  const KernelTime by_bytes = expected(kSlow, on.last());
  EXPECT_EQ(by_bytes.kind, "products by memory");
  EXPECT_TRUE(by_bytes.by_bytes);
  EXPECT_NEAR(by_bytes.seconds, 0.388e-6 / 0.85 + 1e-6, 1e-12);

  for (int i = 0; i < 3; ++i) kernels::add(on.stream, c, c, c);  // 12,288 bytes each
  const KernelTime sums = expected(kSlow, on.last());
  EXPECT_EQ(sums.kind, "sums and fills");
  EXPECT_EQ(sums.count, 3);
  EXPECT_NEAR(sums.seconds, 3 * (12.288e-6 / 0.85 + 1e-6), 1e-12);
  EXPECT_NEAR(expected_seconds(kSlow, on.work), product.seconds + by_bytes.seconds + sums.seconds, 1e-12);

  // Three micro-batches, of which one was walked, and a step's end of one sum.
  Counted end;
  kernels::add(end.stream, c, c, c);
  const std::vector<KernelTime> step = kernels_of_step(kSlow, end.work, on.work, 3);
  ASSERT_EQ(step.size(), 3u);
  EXPECT_EQ(step[0].kind, "products");  // what takes longest first
  EXPECT_EQ(step[0].count, 3);
  EXPECT_EQ(step[1].count, 1 + 2 * 3);
  EXPECT_NEAR(step[1].seconds, 7 * sums.seconds / 3, 1e-12);
  double seconds = 0, kinds = 0;
  for (const KernelTime& kernel : step) seconds += kernel.seconds;
  for (const KindTime& kind : by_kind(step)) {
    kinds += kind.seconds;
    if (kind.kind == "launches") {
      EXPECT_NEAR(kind.seconds, 13e-6, 1e-12);
    }
  }
  EXPECT_NEAR(kinds, seconds, 1e-12);
}

struct Shaped {
  recipes::Recipe recipe;
  explicit Shaped(const std::string& shape, int64_t length, recipes::Quantization how) {
    recipe.model.shape = shape, recipe.model.quantization = how, recipe.data.max_length = length;
  }
  Forecast on(const Gpu& gpu) const { return plan_recipe(recipe, {}, &gpu); }
};

TEST(Roofline, GetsNoSlowerWithAnyRate) {
  const Shaped shaped("llama-3.2-1b", 4096, recipes::Quantization::nf4);
  const Gpu base = gpu_called("gb10");
  const double seconds = shaped.on(base).step_seconds;
  const auto with = [&](auto&& change) {
    Gpu gpu = base;
    change(gpu);
    return shaped.on(gpu).step_seconds;
  };
  EXPECT_LT(with([](Gpu& gpu) { gpu.matrix_flops *= 2; }), seconds);
  EXPECT_LT(with([](Gpu& gpu) { gpu.memory_bytes *= 2; }), seconds);
  EXPECT_LT(with([](Gpu& gpu) { gpu.launch /= 2; }), seconds);
  EXPECT_LT(with([](Gpu& gpu) { gpu.own_attention_flops *= 2; }), seconds);
  EXPECT_LT(with([](Gpu& gpu) { gpu.own_attention_backward_flops *= 2; }), seconds);
  const double half = with([](Gpu& gpu) {
    for (double* rate :
         {&gpu.matrix_flops, &gpu.memory_bytes, &gpu.own_attention_flops, &gpu.own_attention_backward_flops})
      *rate *= 2;
    gpu.launch /= 2;
  });
  EXPECT_NEAR(half, seconds / 2, 1e-9 * seconds);
}

// One step of the published shapes: the operations that performance arithmetic gives, and a fit by selective plans.
TEST(Roofline, PlansLargeModelsForAGpuThatIsElsewhere) {
  const Gpu& h100 = gpu_called("h100");
  const int64_t length = 4096;
  const Forecast small = Shaped("llama-3.1-8b", length, recipes::Quantization::none).on(h100);
  EXPECT_TRUE(small.fits());
  EXPECT_EQ(policy_text(small.choice.plan), "nothing made again");
  EXPECT_EQ(small.device, "H100 80 GB, bfloat16");
  const double computing = 6.979e9 + 0.525e9, attention = 2.0 * length * 4096 * 32;  // of a token
  EXPECT_NEAR(small.step_flops / double(length) / (4 * computing + 3.5 * attention), 1, 0.02);
  // Our own attention's way back makes two of its products again, and keeps less beside them.
  Shaped alike("llama-3.1-8b", length, recipes::Quantization::none);
  alike.recipe.training.deterministic = true;
  const Forecast own = alike.on(h100);
  EXPECT_NEAR(own.step_flops / double(length) / (4 * computing + 4.5 * attention), 1, 0.02);
  EXPECT_GT(own.step_seconds, 1.05 * small.step_seconds);

  const Forecast large = Shaped("llama-3.3-70b", length, recipes::Quantization::nf4).on(h100);
  EXPECT_TRUE(large.fits());
  EXPECT_LE(large.choice.usage.peak, uint64_t(78.1 * (1 << 30)));
  const auto full = std::ranges::count(large.choice.plan.recompute, Recompute::full);
  EXPECT_GT(full, 0);  // some layers whole, not all
  EXPECT_LT(full, 80);
  const Forecast roomy = Shaped("llama-3.3-70b", length, recipes::Quantization::nf4).on(gpu_called("h200"));
  EXPECT_EQ(std::ranges::count(roomy.choice.plan.recompute, Recompute::full), 0);
  EXPECT_LT(roomy.step_flops, large.step_flops);
  EXPECT_LT(roomy.step_seconds, large.step_seconds);
}

TEST(Roofline, NamesTheGpusItKnows) {
  EXPECT_EQ(&gpu_called("h200"), gpu_within("NVIDIA H200"));
  EXPECT_EQ(&gpu_called("gb10"), gpu_within("NVIDIA GB10"));
  EXPECT_EQ(gpu_within("NVIDIA A100-SXM4-80GB"), nullptr);
  try {
    gpu_called("h1000");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    const std::string text = error.what();
    EXPECT_NE(text.find("h1000; did you mean h100?"), std::string::npos) << text;
    for (const Gpu& gpu : known_gpus()) EXPECT_NE(text.find(std::string(gpu.name)), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace hone::test
