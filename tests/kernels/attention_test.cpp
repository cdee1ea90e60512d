// Attention and its gradients beside the plain formulas in double, on every device; documents; windows; memory.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/attention/attention_library.h"
#include "kernels/attention/tiles.h"
#include "kernels/core/cuda/device.h"
#include "kernels/core/work.h"
#include "tests/kernels/attention_reference.h"
#include "tests/support/devices.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

using kernels::AttentionShape;

class Attention : public OnEachDevice {
 protected:
  std::vector<DType> dtypes() const {
    return on_cuda() ? std::vector{DType::bfloat16} : std::vector{DType::float32, DType::float64, DType::bfloat16};
  }
  DType dtype() const { return dtypes().back(); }
  // Forward and backward beside the formulas; on the CPU with the same bits on 1 and 2 threads.
  void check(const AttentionCase& c, int64_t pad);
};
INSTANTIATE_TEST_SUITE_P(On, Attention, each_device(), device_name);

void Attention::check(const AttentionCase& c, int64_t pad) {
  for (const DType dtype : dtypes()) {
    SCOPED_TRACE(joined(testing::PrintToString(c), ", pad ", pad, ", ", dtype));
    const int64_t tokens = c.starts.back();
    const Shape wide{tokens, c.shape.heads * c.shape.head_dim}, narrow{tokens, c.shape.kv_heads * c.shape.head_dim};
    const Values q = rounded_to(dtype, random_values(wide.elements(), 1, -2, 2)),
                 k = rounded_to(dtype, random_values(narrow.elements(), 2, -2, 2)),
                 v = rounded_to(dtype, random_values(narrow.elements(), 3)),
                 dout = rounded_to(dtype, random_values(wide.elements(), 4));
    const AttentionExpected expected = attention_reference(c, q, k, v, dout);
    const auto op = [&](Stream& stream) {
      const DocumentOffsets documents = documents_on(stream, c.starts);
      Framed qt(stream, wide, dtype, pad, q), kt(stream, narrow, dtype, pad, k), vt(stream, narrow, dtype, pad, v),
          g(stream, wide, dtype, pad, dout);
      Framed o(stream, wide, dtype, pad), lse(stream, {tokens, c.shape.heads}, wide_of(dtype));
      kernels::attention(stream, *o, *lse, *qt, *kt, *vt, documents, c.shape);
      Framed dq(stream, wide, dtype, pad), dk(stream, narrow, dtype, pad), dv(stream, narrow, dtype, pad);
      kernels::attention_backward(stream, *dq, *dk, *dv, *g, *qt, *kt, *vt, *o, *lse, documents, c.shape);
      EXPECT_LT(relative_error(o.values(), expected.o), tolerance_of(dtype));
      EXPECT_LT(relative_error(lse.values(), expected.lse), tolerance_of(dtype));
      EXPECT_LT(relative_error(dq.values(), expected.dq), tolerance_of(dtype));
      EXPECT_LT(relative_error(dk.values(), expected.dk), tolerance_of(dtype));
      EXPECT_LT(relative_error(dv.values(), expected.dv), tolerance_of(dtype));
      Values all;
      for (const Framed* t : {&o, &lse, &dq, &dk, &dv}) {
        EXPECT_TRUE(t->intact());
        const Values values = t->values();
        all.insert(all.end(), values.begin(), values.end());
      }
      return all;
    };
    EXPECT_FALSE((on_cuda() ? op(stream()) : on_threads(op)).empty());
  }
}

// On both sides of the tile of 64, of the span of four tiles and of their multiples; documents that begin inside a
// tile; empty ones; one head group of each kind; head_dim odd. Windows on both sides of the tile and of the span, of
// two keys, longer than a document.
const std::vector<AttentionCase> kCpuCases{{{0, 1}, {1, 1, 1}},
                                           {{0, 63}, {2, 1, 8}},
                                           {{0, 64}, {2, 2, 16}},
                                           {{0, 65}, {4, 2, 7}},
                                           {{0, 31, 31, 64, 129}, {4, 1, 32}},
                                           {{0, 0, 192, 193, 350}, {6, 3, 24}},
                                           {{0, 257, 600}, {2, 1, 16}},
                                           {{0, 257, 600}, {4, 4, 16}},
                                           {{0, 70, 385}, {8, 2, 40}},
                                           {{0, 70, 71, 200}, {2, 1, 8, 2}},
                                           {{0, 70, 71, 200}, {4, 2, 8, 64}},
                                           {{0, 400}, {2, 1, 16, 100}},
                                           {{0, 330}, {8, 8, 16, 257}},
                                           {{0, 70, 200}, {8, 4, 16, 66, 1.5, 0.5}}};

class AttentionOnCpu : public Attention {};
INSTANTIATE_TEST_SUITE_P(On, AttentionOnCpu, only_cpu(), device_name);

TEST_P(AttentionOnCpu, AndItsGradientsAreTheFormulas) {
  for (const AttentionCase& c : kCpuCases)
    for (const int64_t pad : {0, 5}) check(c, pad);
}

// Small, because cuda is mostly emulated: documents on both sides of a tile, groups of heads of each kind, in each size
// of cuda's tiles, filled and not.
TEST_P(Attention, OfHeadsUpTo64) {
  check({{0, 70, 71, 200}, {2, 1, 64}}, 0);
  check({{0, 0, 63, 63, 127}, {2, 2, 8}}, 8);
  check({{0, 65}, {4, 1, 40}}, 0);
  check({{0, 3}, {4, 1, 40}}, 8);
}
TEST_P(Attention, OfHeadsUpTo96) {
  check({{0, 70, 71, 200}, {2, 1, 96}}, 8);
  check({{0, 33, 97}, {2, 2, 72}}, 0);
}
TEST_P(Attention, OfHeadsUpTo128) {
  check({{0, 70, 71, 200}, {2, 1, 128}}, 0);
  check({{0, 33, 97}, {1, 1, 104}}, 8);
}
TEST_P(Attention, OfHeadsUpTo256) {
  check({{0, 64, 65, 162}, {1, 1, 256}}, 8);
  check({{0, 33, 65}, {2, 1, 136}}, 0);
}

TEST_P(Attention, OfWindows) {
  for (const int64_t window : {2, 63, 64, 65, 130}) check({{0, 70, 71, 200}, {1, 1, 8, window}}, 8);
  for (const int64_t head_dim : {96, 128, 256}) check({{0, 140}, {1, 1, head_dim, 40}}, 0);
}

TEST_P(Attention, OfSoftenedScores) {
  check({{0, 70, 200}, {2, 1, 16, 0, 3}}, 0);
  check({{0, 70, 200}, {4, 2, 16, 66, 1.5, 0.5}}, 0);
  for (const int64_t head_dim : {96, 128, 256}) check({{0, 70}, {1, 1, head_dim, 0, 2}}, 0);
}

// cuDNN's, where it is: the same cases beside the same formulas, documents of no length and windows among them, and
// none of them refused.
TEST_P(Attention, ByTheLibrary) {
  stream().set_attention_by_library(true);
  if (!on_cuda()) return check({{0, 70, 71, 200}, {2, 1, 64}}, 0);  // asked for, and no matter
  if (!cuda_attention_library().problem.empty()) HONE_SKIP("HONE_REQUIRE_CUDNN", cuda_attention_library().problem);
  if (hone::cuda_devices().front().major != 9) GTEST_SKIP() << "cuDNN's is for compute capability 9.0 alone";
  for (const int64_t window : {0, 2, 65}) {
    check({{0, 70, 71, 200}, {2, 1, 64, window}}, 0);
    check({{0, 0, 63, 63, 127}, {2, 2, 64, window}}, 0);
    check({{0, 257, 600}, {8, 2, 128, window}}, 0);
    check({{0, 1000}, {4, 1, 96, window, 0, 0.25}}, 0);
  }
  stream().set_attention_by_library(false);
  EXPECT_EQ(cuda_attention_refusals(), std::vector<std::string>());
}

// The same input gives the same bits again.
TEST_P(Attention, SameInputSameBits) {
  const Tensor q = tensor_of(stream(), {150, 64}, random_values(9600, 1), dtype()),
               k = tensor_of(stream(), {150, 32}, random_values(4800, 2), dtype());
  const DocumentOffsets documents = documents_on(stream(), {0, 20, 150});
  std::vector<Values> seen;
  for (int run = 0; run < 2; ++run) {
    Tensor o(stream(), q.shape(), dtype()), lse(stream(), {150, 4}, DType::float32), dq(stream(), q.shape(), dtype()),
        dk(stream(), k.shape(), dtype()), dv(stream(), k.shape(), dtype());
    kernels::attention(stream(), o, lse, q, k, k, documents, {4, 2, 16});
    kernels::attention_backward(stream(), dq, dk, dv, q, q, k, k, o, lse, documents, {4, 2, 16});
    for (const Tensor& t : {o, lse, dq, dk, dv}) seen.push_back(values_of(t));
  }
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(seen[i], seen[i + 5]);
}

TEST_P(Attention, LargeScoresDoNotOverflow) {
  const Tensor q = tensor_of(stream(), {130, 8}, random_values(1040, 1, -300, 300), dtype());
  Tensor o(stream(), {130, 8}, dtype()), lse(stream(), {130, 1}, DType::float32);
  kernels::attention(stream(), o, lse, q, q, q, documents_on(stream(), {0, 130}), {1, 1, 8});
  for (const double value : values_of(o)) ASSERT_TRUE(std::isfinite(value));
  for (const double value : values_of(lse)) ASSERT_TRUE(std::isfinite(value));
}

// Each document alone gives what it gives in the pack.
TEST_P(Attention, PackedDocumentsEqualSeparateOnes) {
  const DType dtype = on_cuda() ? DType::bfloat16 : DType::float64;
  const std::vector<int32_t> starts{0, 40, 40, 41, 169, 300};
  const AttentionShape shape{4, 2, 8};
  const Values q = random_values(300 * 32, 1), k = random_values(300 * 16, 2), v = random_values(300 * 16, 3),
               dout = random_values(300 * 32, 4);
  const auto run = [&](int64_t begin, int64_t end, const std::vector<int32_t>& at) {
    const auto part = [&](const Values& x, int64_t width) {
      return tensor_of(stream(), {end - begin, width}, {x.begin() + begin * width, x.begin() + end * width}, dtype);
    };
    const Tensor qt = part(q, 32), kt = part(k, 16), vt = part(v, 16), g = part(dout, 32);
    Tensor o(stream(), qt.shape(), dtype), lse(stream(), {end - begin, 4}, wide_of(dtype)),
        dq(stream(), qt.shape(), dtype), dk(stream(), kt.shape(), dtype), dv(stream(), kt.shape(), dtype);
    const DocumentOffsets documents = documents_on(stream(), at);
    kernels::attention(stream(), o, lse, qt, kt, vt, documents, shape);
    kernels::attention_backward(stream(), dq, dk, dv, g, qt, kt, vt, o, lse, documents, shape);
    return std::array{values_of(o), values_of(dq), values_of(dk), values_of(dv)};
  };
  const auto packed = run(0, 300, starts);
  for (size_t d = 0; d + 1 < starts.size(); ++d) {
    if (starts[d] == starts[d + 1]) continue;
    const auto alone = run(starts[d], starts[d + 1], {0, starts[d + 1] - starts[d]});
    for (size_t t = 0; t < alone.size(); ++t) {
      const int64_t width = t < 2 ? 32 : 16;
      const Values part(packed[t].begin() + starts[d] * width, packed[t].begin() + starts[d + 1] * width);
      EXPECT_LT(relative_error(part, alone[t]), kFloat64) << "document " << d << ", output " << t;
    }
  }
}

// The work of a window is linear in it: tiles that nobody sees are not even read. With NaN in the keys that no query of
// the last tile sees the last tile is finite, and so are the gradients of the first keys with NaN in the last queries.
TEST_P(Attention, TilesOutsideTheWindowAreNotRead) {
  const int64_t tokens = 330, window = 70, d = 16;
  const AttentionShape shape{1, 1, d, window};
  const DocumentOffsets documents = documents_on(stream(), {0, int32_t(tokens)});
  const Values plain = random_values(tokens * d, 1);
  Values late = plain, early = plain;  // NaN in the first or in the last 64 rows
  std::fill_n(late.begin(), 64 * d, NAN), std::fill_n(early.end() - 64 * d, 64 * d, NAN);
  const auto tensor = [&](const Values& values) { return tensor_of(stream(), {tokens, d}, values, dtype()); };
  const auto finite = [](const Tensor& x, int64_t begin, int64_t end) {
    return std::ranges::all_of(values_of(x.row_range(begin, end)), [](double v) { return std::isfinite(v); });
  };
  const Tensor x = tensor(plain);
  Tensor o = tensor({plain}), lse(stream(), {tokens, 1}, wide_of(dtype())), dq = tensor(plain), dk = tensor(plain),
         dv = tensor(plain);
  kernels::attention(stream(), o, lse, x, tensor(late), tensor(late), documents, shape);
  EXPECT_FALSE(finite(o, 0, 64));
  EXPECT_TRUE(finite(o, 192, tokens));
  kernels::attention(stream(), o, lse, x, x, x, documents, shape);
  kernels::attention_backward(stream(), dq, dk, dv, x, x, tensor(late), tensor(late), o, lse, documents, shape);
  EXPECT_FALSE(finite(dq, 0, 64));
  EXPECT_TRUE(finite(dq, 192, tokens));
  kernels::attention_backward(stream(), dq, dk, dv, tensor(early), x, x, x, o, lse, documents, shape);
  EXPECT_FALSE(finite(dk, 320, tokens));
  EXPECT_TRUE(finite(dk, 0, 128) && finite(dv, 0, 128));
}

// No T x T: what is made beside inputs and outputs is one number a query and head, and twice the tokens take twice
// that.
TEST_P(Attention, MemoryIsLinear) {
  for (const int64_t tokens : on_cuda() ? std::vector{96, 192} : std::vector{512, 1024}) {
    const DType dtype = on_cuda() ? DType::bfloat16 : DType::float32;
    const Shape wide{tokens, 32}, narrow{tokens, 16};
    const Tensor q = tensor_of(stream(), wide, Values(tokens * 32, 0.5), dtype),
                 k = tensor_of(stream(), narrow, Values(tokens * 16, 0.5), dtype);
    Tensor o(stream(), wide, dtype), lse(stream(), {tokens, 4}, DType::float32);
    Tensor dq(stream(), wide, dtype), dk(stream(), narrow, dtype), dv(stream(), narrow, dtype);
    const DocumentOffsets one = documents_on(stream(), {0, int32_t(tokens)}),
                          two = documents_on(stream(), {0, 90, int32_t(tokens)});
    Allocator& memory = *stream().allocator();
    const size_t before = memory.usage().live;
    memory.reset_peak();
    kernels::attention(stream(), o, lse, q, k, k, one, {4, 2, 8});
    EXPECT_EQ(memory.usage().peak, before);
    kernels::attention_backward(stream(), dq, dk, dv, q, q, k, k, o, lse, one, {4, 2, 8});
    EXPECT_EQ(memory.usage().peak, before + size_t(tokens) * 4 * sizeof(float));
    if (on_cuda()) continue;
    // Two documents have heads enough for the way with five products, which keeps every head's dk and dv for a while.
    kernels::attention_backward(stream(), dq, dk, dv, q, q, k, k, o, lse, two, {4, 2, 8});
    EXPECT_EQ(memory.usage().peak, before + size_t(tokens) * (4 + 2 * 32) * sizeof(float));
  }
}

// The same calls on meta, planned for this device, take as many bytes at the peak; documents of another length take as
// many as these.
TEST_P(Attention, PlannedBytesAreTheMeasured) {
  const auto peak = [&](Stream& stream, const std::vector<int32_t>& starts) {
    const Shape wide{300, 32}, narrow{300, 16}, rows{300, 4};
    stream.allocator()->reset_peak();
    const size_t before = stream.allocator()->usage().live;
    const Tensor q(stream, wide, dtype()), k(stream, narrow, dtype());
    Tensor o(stream, wide, dtype()), lse(stream, rows, DType::float32), dq(stream, wide, dtype()),
        dk(stream, narrow, dtype()), dv(stream, narrow, dtype());
    const DocumentOffsets documents = documents_on(stream, starts);
    kernels::attention(stream, o, lse, q, k, k, documents, {4, 2, 8});
    kernels::attention_backward(stream, dq, dk, dv, q, q, k, k, o, lse, documents, {4, 2, 8});
    return stream.allocator()->usage().peak - before;
  };
  Stream meta = Stream::meta(stream().target());
  const size_t measured = peak(stream(), {0, 3, 170, 300});
  EXPECT_EQ(peak(meta, {0, 3, 170, 300}), measured);
  EXPECT_EQ(peak(meta, {0, 100, 200, 300}), measured);
}

// What a walk on meta counts: the products over what queries see; and its calls can be run, to time them.
TEST_P(Attention, IsCountedOnMetaAndRunForReal) {
  Work work;
  Stream meta = Stream::meta(stream().target());
  meta.count_into(&work);
  const Tensor q(meta, {100, 32}, dtype()), k(meta, {100, 16}, dtype());
  Tensor o(meta, {100, 32}, dtype()), lse(meta, {100, 4}, DType::float32);
  kernels::attention(meta, o, lse, q, k, k, documents_on(meta, {0, 60, 100}), {4, 2, 8});
  double pairs = 60 * 61 / 2 + 40 * 41 / 2;
  ASSERT_EQ(work.calls().size(), 1u);
  EXPECT_EQ(work.calls()[0].flops, 2 * 2 * pairs * 32);
  kernels::attention(meta, o, lse, q, k, k, documents_on(meta, {0, 60, 100}), {4, 2, 8, 50});
  pairs += 60 * 61 / 2 + 40 * 41 / 2 - 10 * 11 / 2;  // the last ten of 60 miss 1, 2, … keys
  EXPECT_EQ(work.calls()[0].flops, 2 * 2 * pairs * 32);
  work.calls()[0].prepare(stream())();
}

TEST_P(Attention, NamesWhatIsWrong) {
  Tensor o(stream(), {8, 32}, dtype()), q(stream(), {8, 32}, dtype()), k(stream(), {8, 16}, dtype()),
      lse(stream(), {8, 4}, DType::float32);
  const auto message = [&](const std::vector<int32_t>& starts, const AttentionShape& shape) -> std::string {
    try {
      kernels::attention(stream(), o, lse, q, k, k, documents_on(stream(), starts), shape);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({0, 8}, {4, 2, 8}), "");
  EXPECT_EQ(message({0, 8}, {4, 3, 8}), "[attention] heads (4) must be a multiple of kv_heads (3)");
  EXPECT_EQ(message({0, 8}, {4, 4, 8}), "[attention] k must be (8, 32), got (8, 16)");
  EXPECT_EQ(message({0, 8}, {4, 2, 8, -1}), "[attention] window (-1), softcap (0) and scale (0) must not be negative");
  for (const std::vector<int32_t>& starts : {std::vector<int32_t>{0, 7}, {1, 8}, {0, 9, 8}, {}})
    EXPECT_EQ(message(starts, {4, 2, 8}), "[attention] documents must rise from 0 to 8");
  if (!on_cuda()) return;
  o = Tensor(stream(), {8, 36}, dtype()).columns(0, 32);
  EXPECT_EQ(message({0, 8}, {4, 2, 8}),
            "[attention] on cuda rows must begin at multiples of 16 bytes; a row stride is 36 elements");
}

// A plan for cuda is refused as the run would be.
TEST(AttentionOnCuda, TakesBfloat16AndHeadsThatItsTilesHold) {
  Stream stream = Stream::meta(DeviceType::cuda);
  const auto message = [&](DType dtype, int64_t head_dim, const DocumentOffsets& documents) -> std::string {
    Tensor q(stream, {8, head_dim}, dtype), lse(stream, {8, 1}, DType::float32);
    try {
      kernels::attention(stream, q, lse, q, q, q, documents, {1, 1, head_dim});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const DocumentOffsets documents = documents_on(stream, {0, 8});
  for (const int64_t head_dim : {8, 72, 256}) EXPECT_EQ(message(DType::bfloat16, head_dim, documents), "");
  EXPECT_EQ(message(DType::float32, 64, documents),
            "[attention] cuda computes in bfloat16, got float32; use model.compute: bfloat16");
  for (const int64_t head_dim : {12, 264})
    EXPECT_EQ(message(DType::bfloat16, head_dim, documents),
              joined("[attention] on cuda head_dim must be a multiple of 8 up to 256, got ", head_dim));
  EXPECT_EQ(message(DType::bfloat16, 64, {documents.host}),
            "[attention] documents must be made by documents_on for this stream");
}

// Where documents lie is said in elements, their number made a power of two by empty ones; and it is said again where a
// counted call is repeated, whose tensors are zeros.
TEST_P(Attention, TellsTheLibraryWhereDocumentsLie) {
  stream().set_attention_by_library(true);
  using Numbers = std::vector<int32_t>;
  const AttentionShape shape{4, 2, 16};
  kernels::LibraryAttention library =
      kernels::library_attention(stream(), true, documents_on(stream(), {0, 3, 3, 10}), shape);
  EXPECT_EQ(bool(library), on_cuda());
  if (!library) return;
  EXPECT_EQ(library.documents, 4);
  EXPECT_EQ(library.longest, 8);
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(library.lengths.to_host<int32_t>(), (Numbers{3, 0, 7, 0}));
    EXPECT_EQ(library.of_queries.to_host<int32_t>(), (Numbers{0, 192, 192, 640, 640}));
    EXPECT_EQ(library.of_keys.to_host<int32_t>(), (Numbers{0, 96, 96, 320, 320}));
    EXPECT_EQ(library.of_statistics.to_host<int32_t>(), (Numbers{0, 12, 12, 40, 40}));
    for (Tensor* t : {&library.lengths, &library.of_queries, &library.of_keys, &library.of_statistics})
      *t = t->zeros_like(stream());
    EXPECT_EQ(library.lengths.to_host<int32_t>(), Numbers(4));
    make_again(stream(), library);
  }
}

// A plan counts what cuDNN may take beside its tensors: linear in T, nothing where it is not asked for or cannot do it.
TEST(AttentionOnCuda, PlansTheLibrarysWorkspace) {
  const auto peak = [](int64_t tokens, bool library, double softcap) {
    Stream meta = Stream::meta(DeviceType::cuda);
    meta.set_attention_by_library(library);
    const Shape wide{tokens, 512}, narrow{tokens, 128};
    const Tensor q(meta, wide, DType::bfloat16), k(meta, narrow, DType::bfloat16);
    Tensor o(meta, wide, DType::bfloat16), lse(meta, {tokens, 4}, DType::float32), dq(meta, wide, DType::bfloat16),
        dk(meta, narrow, DType::bfloat16), dv(meta, narrow, DType::bfloat16);
    const DocumentOffsets documents = documents_on(meta, {0, 100, int32_t(tokens)});
    const AttentionShape shape{4, 1, 128, 0, softcap};
    const size_t before = meta.allocator()->usage().live;
    kernels::attention(meta, o, lse, q, k, k, documents, shape);
    kernels::attention_backward(meta, dq, dk, dv, q, q, k, k, o, lse, documents, shape);
    return int64_t(meta.allocator()->usage().peak - before);
  };
  const int64_t own = peak(1000, false, 0), by_library = peak(1000, true, 0), twice = peak(2000, true, 0);
  EXPECT_EQ(own, 1000 * 4 * 4);
  EXPECT_NEAR(by_library - own, (4 << 20) + 1000 * 4 * (3 * 128 + 1) * 4, 4096);  // and where documents begin
  EXPECT_NEAR(twice - by_library, 1000 * 4 * (3 * 128 + 2) * 4, 4096);
  EXPECT_EQ(peak(1000, true, 30), own);
}

// cuDNN's graphs of both ways are good for compute capability 9.0, as far as the library says it without a GPU.
TEST(AttentionOnCuda, TheLibraryTakesItsGraphs) {
  if (!cuda_attention_library().problem.empty()) HONE_SKIP("HONE_REQUIRE_CUDNN", cuda_attention_library().problem);
  for (const bool backward : {false, true})
    for (const AttentionShape& shape :
         {AttentionShape{32, 8, 128}, {14, 2, 64}, {8, 8, 96, 512}, {4, 2, 72, 0, 0, 0.5}})
      for (const int64_t documents : {1, 2, 64})
        EXPECT_EQ(kernels::cuda::cudnn_check(backward, documents, 4096, 8192, shape), "");
  EXPECT_NE(kernels::cuda::cudnn_check(false, 1, 64, 64, {4, 3, 64}), "");
}

// Every row is in one tile of each list, and each list begins with its longest work.
TEST(AttentionTiles, CoverTheDocuments) {
  for (const std::vector<int32_t>& starts :
       {std::vector<int32_t>{0}, {0, 0, 0}, {0, 64}, {0, 65}, {0, 3, 3, 67, 200, 327}, {0, 1, 2, 3}}) {
    std::vector<kernels::AttentionTile> lists[]{kernels::tiles_of_queries(starts), kernels::tiles_of_keys(starts)};
    for (std::vector<kernels::AttentionTile>& tiles : lists) {
      const bool queries = &tiles == lists;
      for (size_t i = 0; i + 1 < tiles.size(); ++i) {
        const auto work = [&](const kernels::AttentionTile& t) {
          return queries ? t.begin - t.first : t.last - t.begin;
        };
        EXPECT_GE(work(tiles[i]), work(tiles[i + 1]));
      }
      std::ranges::sort(tiles, {}, &kernels::AttentionTile::begin);
      int32_t row = 0;
      for (const kernels::AttentionTile& t : tiles) {
        EXPECT_EQ(t.begin, row);
        EXPECT_TRUE(t.begin < t.end && t.end <= t.last && t.end - t.begin <= kernels::kAttentionTile);
        EXPECT_TRUE((t.begin - t.first) % kernels::kAttentionTile == 0);
        EXPECT_TRUE(std::ranges::count(starts, t.first) && std::ranges::count(starts, t.last));
        row = t.end;
      }
      EXPECT_EQ(row, starts.back());
    }
  }
}

}  // namespace
}  // namespace hone::test
