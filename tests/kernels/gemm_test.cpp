// Products against sums in double, at sizes on both sides of tiles (512 x 256), strips (14 rows, with AMX 32), panels (32
// columns) and parts (256 words of the inner dimension, in bfloat16 512 elements), with row strides; the bits do not
// depend on threads. Each set of instructions for bfloat16 is called by itself too, since gemm takes the best there is.
#include "kernels/core/gemm.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "kernels/core/gemm_tile.h"
#include "tests/support/framed.h"
#include "tests/support/gradcheck.h"
#include "tests/support/tolerances.h"

namespace hone::test {
namespace {

using kernels::Transpose;

struct Size {
  int64_t m, n, k;
};

std::vector<double> expected(const Tensor& a, Transpose a_op, const Tensor& b, Transpose b_op, Size s) {
  const std::vector<float> x = a.to_host<float>(), y = b.to_host<float>();
  std::vector<double> c(s.m * s.n);
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < s.k; ++p)
        sum += double(x[a_op == Transpose::no ? i * s.k + p : p * s.m + i]) * double(y[b_op == Transpose::no ? p * s.n + j : j * s.k + p]);
      c[i * s.n + j] = 0.5 * sum + 2 * 1.0;
    }
  return c;
}

TEST(Gemm, EqualsSumsInDouble) {
  Stream stream = Stream::cpu(2);
  for (const Size s : {Size{1, 1, 1}, {31, 33, 32}, {257, 513, 40}, {3, 1025, 65}, {520, 7, 129}, {14, 32, 256}, {15, 17, 257}, {29, 48, 512}, {2, 2051, 8}})
    for (const Transpose a_op : {Transpose::no, Transpose::yes})
      for (const Transpose b_op : {Transpose::no, Transpose::yes}) {
        const Tensor a = random_tensor(stream, a_op == Transpose::no ? Shape{s.m, s.k} : Shape{s.k, s.m}, 1, DType::float32);
        const Tensor b = random_tensor(stream, b_op == Transpose::no ? Shape{s.k, s.n} : Shape{s.n, s.k}, 2, DType::float32);
        Tensor wide = Tensor::from(stream, {s.m, s.n + 3}, std::vector<float>(s.m * (s.n + 3), 1.0f));
        Tensor c = wide.columns(1, s.n + 1);
        kernels::gemm(stream, c, a, a_op, b, b_op, 0.5, 2);
        EXPECT_LT(relative_error(c.to_host<float>(), expected(a, a_op, b, b_op, s)), kFloat32) << s.m << ' ' << s.n << ' ' << s.k;
        const std::vector<float> all = wide.to_host<float>();
        for (int64_t r = 0; r < s.m; ++r)
          ASSERT_TRUE(all[r * (s.n + 3)] == 1 && all[r * (s.n + 3) + s.n + 1] == 1 && all[r * (s.n + 3) + s.n + 2] == 1) << "written outside";
      }
}

// bfloat16 operands, with the result in bfloat16 and in float32: sums in float32, one rounding at the end.
TEST(Gemm, Bfloat16EqualsSumsInDouble) {
  for (const Size s : {Size{1, 1, 1}, {31, 33, 32}, {257, 513, 40}, {3, 1025, 65}, {64, 16, 1100}, {520, 7, 129}, {3, 5, 8191}, {4, 33, 8200}, {14, 16, 512}, {15, 31, 513}, {30, 40, 1024}, {16, 15, 1026}, {511, 257, 32}, {513, 63, 64}, {64, 33, 2080}})
    for (const Transpose a_op : {Transpose::no, Transpose::yes})
      for (const Transpose b_op : {Transpose::no, Transpose::yes}) {
        const Shape of_a = a_op == Transpose::no ? Shape{s.m, s.k} : Shape{s.k, s.m},
                    of_b = b_op == Transpose::no ? Shape{s.k, s.n} : Shape{s.n, s.k};
        const Values x = rounded_to(DType::bfloat16, random_values(of_a.elements(), 1)),
                     y = rounded_to(DType::bfloat16, random_values(of_b.elements(), 2));
        Stream one = Stream::cpu();
        const Values sums = expected(tensor_of(one, of_a, x, DType::float32), a_op, tensor_of(one, of_b, y, DType::float32), b_op, s);
        for (const DType result : {DType::bfloat16, DType::float32})
          on_threads([&](Stream& stream) {
            SCOPED_TRACE(joined(s.m, " x ", s.n, " x ", s.k, " into ", result));
            Framed a(stream, of_a, DType::bfloat16, 2, x), b(stream, of_b, DType::bfloat16, 1, y);
            Framed c(stream, {s.m, s.n}, result, 3, Values(size_t(s.m * s.n), 1.0));
            kernels::gemm(stream, *c, *a, a_op, *b, b_op, 0.5, 2);
            EXPECT_LT(relative_error(c.values(), sums), result == DType::float32 ? kFloat32 : kBfloat16);
            EXPECT_TRUE(c.intact());
            return c.values();
          });
      }
}

// A tile may be larger than what is packed of it at a time.
TEST(Gemm, OneTileOfAnySize) {
  const Size s{30, 1100, 700};
  Stream stream = Stream::cpu();
  for (const Transpose b_op : {Transpose::no, Transpose::yes}) {
    const bool flip = b_op == Transpose::yes;
    const Tensor a = random_tensor(stream, {s.m, s.k}, 1, DType::float32), b = random_tensor(stream, flip ? Shape{s.n, s.k} : Shape{s.k, s.n}, 2, DType::float32);
    Tensor c = Tensor::from(stream, {s.m, s.n}, std::vector<float>(s.m * s.n, 1.0f));
    kernels::cpu::gemm_tile(kernels::cpu::TileProduct<float>{s.m, s.n, s.k, false, flip, 0.5f, 2.0f, a.data<float>(), s.k, b.data<float>(), flip ? s.k : s.n, c.data<float>(), s.n});
    EXPECT_LT(relative_error(c.to_host<float>(), expected(a, Transpose::no, b, b_op, s)), kFloat32);
  }
}

struct Instructions {
  std::string name;
  bool (*narrow)(const kernels::cpu::TileProduct<bfloat16>&);
  bool (*wide)(const kernels::cpu::TileProduct<bfloat16, float>&);
};
class GemmTile : public testing::TestWithParam<Instructions> {
 protected:
  Stream stream = Stream::cpu();
  void SetUp() override {
    const Tensor one = tensor_of(stream, {1, 1}, {1}, DType::bfloat16);
    Tensor c(stream, {1, 1}, DType::bfloat16);
    if (!multiply(c, one, Transpose::no, one, Transpose::no, 1, 0))
      GTEST_SKIP() << "this processor has no " << GetParam().name << ", or the system does not let programs use it";
  }
  static bool multiply(Tensor& c, const Tensor& a, Transpose a_op, const Tensor& b, Transpose b_op, float alpha, float beta) {
    const auto call = [&]<class C>(bool (*multiplied)(const kernels::cpu::TileProduct<bfloat16, C>&)) {
      const Rows<const bfloat16> left = a.as_rows<bfloat16>(), right = b.as_rows<bfloat16>();
      const Rows<C> to = c.as_rows<C>();
      return multiplied({to.count, to.width, a_op == Transpose::no ? left.width : left.count, a_op == Transpose::yes, b_op == Transpose::yes, alpha, beta, left.data, left.stride, right.data, right.stride, to.data, to.stride});
    };
    return c.dtype() == DType::float32 ? call(GetParam().wide) : call(GetParam().narrow);
  }
  // Rows that are `pad` elements apart, into both types, with and without what was there before.
  static void check(Stream& stream, Size s, Transpose a_op, Transpose b_op, int64_t pad) {
    const Shape of_a = a_op == Transpose::no ? Shape{s.m, s.k} : Shape{s.k, s.m}, of_b = b_op == Transpose::no ? Shape{s.k, s.n} : Shape{s.n, s.k};
    const Values x = rounded_to(DType::bfloat16, random_values(of_a.elements(), 1)), y = rounded_to(DType::bfloat16, random_values(of_b.elements(), 2));
    Framed a(stream, of_a, DType::bfloat16, pad, x), b(stream, of_b, DType::bfloat16, pad, y);
    const Values sums = expected(tensor_of(stream, of_a, x, DType::float32), a_op, tensor_of(stream, of_b, y, DType::float32), b_op, s);
    for (const DType result : {DType::bfloat16, DType::float32})
      for (const float beta : {0.0f, 2.0f}) {
        SCOPED_TRACE(joined(s.m, " x ", s.n, " x ", s.k, a_op == Transpose::yes ? " at" : " a", b_op == Transpose::yes ? " bt" : " b", " into ", result, ", rows ", pad, " further apart, beta ", beta));
        Framed c(stream, {s.m, s.n}, result, pad, Values(size_t(s.m * s.n), beta == 0 ? std::numeric_limits<double>::quiet_NaN() : 1.0));
        ASSERT_TRUE(multiply(*c, *a, a_op, *b, b_op, 0.5f, beta));
        Values got = c.values();
        for (double& value : got) value += 2 - beta;  // what expected() counts in
        EXPECT_LT(relative_error(got, sums), result == DType::float32 ? kFloat32 : kBfloat16);
        EXPECT_TRUE(c.intact());
      }
  }
};

// Strips, panels and steps one by one; inner dimensions of one step, of more than stay in the nearest cache (512) and of
// more than one part (2048); more columns than are packed at once; few rows and many columns and the other way round,
// where the transposes may be multiplied. Rows that lie well for tiles, and rows that do not.
TEST_P(GemmTile, EqualsSumsInDouble) {
  for (const Size s : {Size{1, 1, 1}, {15, 16, 31}, {16, 15, 32}, {17, 31, 33}, {31, 17, 64}, {32, 33, 63}, {33, 32, 65}, {48, 64, 96}, {49, 65, 511}, {47, 63, 512}, {64, 48, 513}, {65, 47, 1024}, {20, 290, 40}, {300, 20, 64}, {3, 300, 96}, {300, 3, 96}, {40, 300, 544}, {34, 70, 2048}, {18, 66, 2050}, {33, 40, 4128}})
    for (const Transpose a_op : {Transpose::no, Transpose::yes})
      for (const Transpose b_op : {Transpose::no, Transpose::yes})
        for (const int64_t pad : {0, 32, 5}) check(stream, s, a_op, b_op, pad);
}

// Tiles that gemm makes of no product today: more rows and columns than it ever gives to one.
TEST_P(GemmTile, OfAnySize) { check(stream, {600, 300, 160}, Transpose::no, Transpose::yes, 0); }

// Memory that ends where none may be touched: sanitizers do not see what instructions written by hand read.
class AtTheEdge {
 public:
  explicit AtTheEdge(size_t elements) : bytes_((elements * sizeof(bfloat16) + kPage - 1) / kPage * kPage) {
    all_ = static_cast<char*>(mmap(nullptr, bytes_ + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    require(all_ != MAP_FAILED && mprotect(all_ + bytes_, kPage, PROT_NONE) == 0, "no memory for the test");
    data = reinterpret_cast<bfloat16*>(all_ + bytes_) - elements;
  }
  ~AtTheEdge() { munmap(all_, bytes_ + kPage); }
  AtTheEdge(const AtTheEdge&) = delete;
  bfloat16* data;

 private:
  static constexpr size_t kPage = 4096;
  size_t bytes_;
  char* all_;
};
TEST_P(GemmTile, TouchesNothingBehindAMatrix) {
  for (const Size s : {Size{17, 33, 64}, {33, 17, 64}, {49, 15, 96}, {32, 32, 32}, {5, 7, 9}, {40, 300, 544}})
    for (const bool transpose_a : {false, true})
      for (const bool transpose_b : {false, true}) {
        const AtTheEdge a(size_t(s.m * s.k)), b(size_t(s.k * s.n)), c(size_t(s.m * s.n));
        const int64_t lda = transpose_a ? s.m : s.k, ldb = transpose_b ? s.k : s.n;
        ASSERT_TRUE(GetParam().narrow({s.m, s.n, s.k, transpose_a, transpose_b, 1, 1, a.data, lda, b.data, ldb, c.data, s.n}));
        EXPECT_EQ(float(c.data[s.m * s.n - 1]), 0);
      }
}

INSTANTIATE_TEST_SUITE_P(Bfloat16, GemmTile, testing::Values(Instructions{"AMX", &kernels::cpu::matrix_tile, &kernels::cpu::matrix_tile}, Instructions{"AVX512", &kernels::cpu::vector_tile, &kernels::cpu::vector_tile}), [](const auto& info) { return info.param.name; });

// With an odd inner dimension the second half of a row's last pair is somebody else's.
TEST(Gemm, NothingBesideARowCounts) {
  Stream stream = Stream::cpu();
  Values beside(4 * 4, std::numeric_limits<double>::quiet_NaN());
  for (size_t r = 0; r < 4; ++r)
    for (size_t k = 0; k < 3; ++k) beside[r * 4 + k] = 1;
  const Tensor wide = tensor_of(stream, {4, 4}, beside, DType::bfloat16), a = wide.columns(0, 3);
  Tensor c(stream, {4, 4}, DType::bfloat16);
  kernels::gemm(stream, c, a, Transpose::no, a, Transpose::yes);
  EXPECT_EQ(values_of(c), Values(16, 3.0));
}

TEST(Gemm, BitsDoNotDependOnThreads) {
  Stream one = Stream::cpu(1), two = Stream::cpu(2);
  for (const Size s : {Size{301, 611, 127}, {77, 1033, 211}, {513, 19, 333}}) {
    const Tensor a = random_tensor(one, {s.m, s.k}, 3, DType::float32), b = random_tensor(one, {s.n, s.k}, 4, DType::float32);
    Tensor c(one, {s.m, s.n}, DType::float32), d(one, {s.m, s.n}, DType::float32);
    kernels::gemm(one, c, a, Transpose::no, b, Transpose::yes);
    kernels::gemm(two, d, a, Transpose::no, b, Transpose::yes);
    EXPECT_EQ(c.to_host<float>(), d.to_host<float>());
  }
}

TEST(Gemm, NamesWhatIsWrong) {
  Stream stream = Stream::cpu();
  Tensor c(stream, {2, 3}, DType::float32), a(stream, {2, 4}, DType::float32), b(stream, {5, 3}, DType::float32);
  try {
    kernels::gemm(stream, c, a, Transpose::no, b, Transpose::no);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[gemm] b must be (4, 3), got (5, 3)");
  }
}

}  // namespace
}  // namespace hone::test
