// What attention's kernels for CUDA do, counted: work that nobody sees is skipped, shared memory is read without
// conflicts.
#include "kernels/attention/attention.h"
#include "kernels/attention/attention_decode.h"
#include "tests/support/cuda_on_cpu/block.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

using cuda_on_cpu::Ledger;
using kernels::AttentionShape;

struct Counted {
  Ledger forward, backward;
};
Counted work(const std::vector<int32_t>& starts, const AttentionShape& shape) {
  Stream stream = Stream::cuda();
  const int64_t tokens = starts.back();
  const Shape wide{tokens, shape.heads * shape.head_dim}, narrow{tokens, shape.kv_heads * shape.head_dim};
  const Tensor q = tensor_of(stream, wide, random_values(wide.elements(), 1), DType::bfloat16),
               k = tensor_of(stream, narrow, random_values(narrow.elements(), 2), DType::bfloat16);
  Tensor o(stream, wide, DType::bfloat16), lse(stream, {tokens, shape.heads}, DType::float32),
      dq(stream, wide, DType::bfloat16), dk(stream, narrow, DType::bfloat16), dv(stream, narrow, DType::bfloat16);
  const DocumentOffsets documents = documents_on(stream, starts);
  Counted counted;
  cuda_on_cpu::ledger() = {};
  kernels::attention(stream, o, lse, q, k, k, documents, shape);
  counted.forward = cuda_on_cpu::ledger();
  cuda_on_cpu::ledger() = {};
  kernels::attention_backward(stream, dq, dk, dv, q, q, k, k, o, lse, documents, shape);
  counted.backward = cuda_on_cpu::ledger();
  return counted;
}

// mma.m16n8k16 of one product of all rows by all rows.
double product(int64_t tokens, int64_t head_dim) { return double(tokens) * double(tokens * head_dim) / (16 * 8 * 16); }

TEST(AttentionWork, IsHalfOfWhatAllRowsByAllRowsWouldBe) {
  const Counted counted = work({0, 512}, {1, 1, 64});
  const double all = product(512, 64);
  EXPECT_NEAR(double(counted.forward.mma) / (2 * all), 0.5, 0.07);
  EXPECT_NEAR(double(counted.backward.mma) / (7 * all), 0.5, 0.07);
}

TEST(AttentionWork, IsLinearInTheTokensOfAWindow) {
  const Counted once = work({0, 256}, {1, 1, 64, 64}), twice = work({0, 512}, {1, 1, 64, 64});
  EXPECT_LT(twice.forward.mma, once.forward.mma * 22 / 10);
  EXPECT_LT(twice.backward.mma, once.backward.mma * 22 / 10);
}

TEST(AttentionWork, ReadsSharedMemoryWithoutConflicts) {
  for (const int64_t head_dim : {64, 96, 128, 256}) {
    const Counted counted = work({0, 100}, {1, 1, head_dim});
    for (const Ledger& ledger : {counted.forward, counted.backward}) {
      EXPECT_GT(ledger.ldmatrix, 0u);
      EXPECT_EQ(ledger.ldmatrix_phases, 4 * ledger.ldmatrix) << "head_dim " << head_dim;
    }
  }
}

TEST(AttentionWork, StartsABlockATileAndHead) {
  std::vector<int32_t> starts{0};
  for (int i = 0; i < 50; ++i) starts.push_back(starts.back() + i % 3);  // some are empty
  const Counted counted = work(starts, {4, 2, 8});
  EXPECT_EQ(counted.forward.blocks, 33u * 4);
  EXPECT_EQ(counted.backward.blocks, 33u * (4 + 2));
}

}  // namespace
}  // namespace hone::test
