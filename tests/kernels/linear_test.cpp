// Products with every kind of weight beside sums in double, on both sides of the tile of a stored weight; what they
// take.
#include "kernels/linear/linear.h"

#include "kernels/nf4/nf4.h"
#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class Linear : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, Linear, each_device(), device_name);

using kernels::LinearWeight;
enum class Kind { same, bfloat16, nf4, nf4_nested };

// The weight as the kernels take it, and what it stands for.
struct Made {
  LinearWeight weight;
  Values values;
};
Made made(Stream& stream, Kind kind, DType dtype, int64_t out, int64_t in) {
  const Values drawn = random_values(out * in, 7);
  if (kind == Kind::same) return {tensor_of(stream, {out, in}, drawn, dtype), rounded_to(dtype, drawn)};
  if (kind == Kind::bfloat16)
    return {tensor_of(stream, {out, in}, drawn, DType::bfloat16), rounded_to(DType::bfloat16, drawn)};
  QuantizedTensor weight = kernels::nf4_empty(stream, {out, in});
  kernels::nf4_quantize(stream, weight, 0, tensor_of(stream, {out * in}, drawn, DType::float32));
  if (kind == Kind::nf4_nested) weight = kernels::nf4_nest_scales(stream, weight);
  Tensor rows(stream, {out, in}, DType::float32);
  kernels::nf4_dequantize(stream, rows, weight, 0);
  return {weight, values_of(rows)};
}

// c (m, n) = alpha * sum over k of a(i, k) b(j, k) + beta * c
template <class A, class B>
Values product(int64_t m, int64_t n, int64_t k, A&& a, B&& b, double alpha, double beta, const Values& c) {
  Values result(m * n);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += a(i, p) * b(j, p);
      result[i * n + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * n + j]);
    }
  return result;
}

struct Size {
  int64_t tokens, in, out;
};

TEST_P(Linear, AndItsGradientsAreTheProducts) {
  for (const Size s :
       {Size{1, 1, 1}, {3, 31, 33}, {5, 65, 511}, {5, 64, 512}, {7, 37, 513}, {33, 16, 1025}, {2, 1300, 1700}})
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
      for (const Kind kind : {Kind::same, Kind::bfloat16, Kind::nf4, Kind::nf4_nested})
        for (const double beta : {0.0, 1.0}) {
          const bool many = s.in * s.out > kernels::kLinearTile;
          if (many && dtype == DType::float64) continue;  // two types show the tiles
          if (on_cuda() && (many || dtype == DType::float64))
            continue;  // CUDA's are larger, and the types it is for two
          SCOPED_TRACE(
              joined(s.tokens, " x ", s.in, " -> ", s.out, ", ", dtype, ", weight ", int(kind), ", beta ", beta));
          const double alpha = beta == 0 ? 1 : 0.5;
          const Values x = rounded_to(dtype, random_values(s.tokens * s.in, 1)),
                       dy = rounded_to(dtype, random_values(s.tokens * s.out, 2));
          on_device(stream(), [&](Stream& stream) {
            const Made w = made(stream, kind, dtype, s.out, s.in);
            const Values dirty_y(beta == 0 ? 0 : x.size() / s.in * s.out, 1.0), dirty_x(beta == 0 ? 0 : x.size(), 1.0);
            Framed xt(stream, {s.tokens, s.in}, dtype, 3, x), g(stream, {s.tokens, s.out}, dtype, 2, dy);
            Framed y(stream, {s.tokens, s.out}, dtype, 3, dirty_y), dx(stream, {s.tokens, s.in}, dtype, 1, dirty_x);
            kernels::linear(stream, *y, *xt, w.weight, beta, alpha);
            kernels::linear_input_gradient(stream, *dx, *g, w.weight, beta, alpha);
            EXPECT_LT(
                relative_error(y.values(),
                               product(
                                   s.tokens, s.out, s.in, [&](int64_t i, int64_t p) { return x[i * s.in + p]; },
                                   [&](int64_t j, int64_t p) { return w.values[j * s.in + p]; }, alpha, beta, dirty_y)),
                tolerance_of(dtype));
            EXPECT_LT(
                relative_error(dx.values(),
                               product(
                                   s.tokens, s.in, s.out, [&](int64_t i, int64_t p) { return dy[i * s.out + p]; },
                                   [&](int64_t j, int64_t p) { return w.values[p * s.in + j]; }, alpha, beta, dirty_x)),
                tolerance_of(dtype));
            EXPECT_TRUE(y.intact() && dx.intact());
            Values all = y.values();
            for (const double v : dx.values()) all.push_back(v);
            return all;
          });
        }
}

TEST_P(Linear, WeightGradientIsAddedTo) {
  for (const Size s : {Size{1, 1, 1}, {33, 31, 16}, {64, 513, 16}, {65, 40, 257}})
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16}) {
      const Values x = rounded_to(dtype, random_values(s.tokens * s.in, 1)),
                   dy = rounded_to(dtype, random_values(s.tokens * s.out, 2)), ones(s.in * s.out, 1.0);
      const Values expected = product(
          s.out, s.in, s.tokens, [&](int64_t i, int64_t p) { return dy[p * s.out + i]; },
          [&](int64_t j, int64_t p) { return x[p * s.in + j]; }, 0.7, 1, ones);
      on_device(stream(), [&](Stream& stream) {
        Framed dw(stream, {s.out, s.in}, wide_of(dtype), 0, ones);
        kernels::linear_weight_gradient(stream, *dw, tensor_of(stream, {s.tokens, s.out}, dy, dtype),
                                        tensor_of(stream, {s.tokens, s.in}, x, dtype), 0.7);
        EXPECT_LT(relative_error(dw.values(), expected), tolerance_of(dtype));
        EXPECT_TRUE(dw.intact());
        return dw.values();
      });
    }
}

// A few rows of bfloat16 meet a quantised weight as it is on CUDA; more do not, and other types do not.
TEST_P(Linear, FewRowsTakeNoScratchOnCuda) {
  const auto scratch = [](Stream& stream, int64_t rows, DType dtype) {
    const QuantizedTensor weight{{80, 64},
                                 Tensor::zeros(stream, {80 * 32}, DType::uint8),
                                 FloatScales{Tensor::zeros(stream, {80}, DType::float32)}};
    Tensor y(stream, {rows, 80}, dtype);
    const Tensor x(stream, {rows, 64}, dtype);
    const size_t before = stream.allocator()->usage().live;
    stream.allocator()->reset_peak();
    kernels::linear(stream, y, x, weight);
    return stream.allocator()->usage().peak - before;
  };
  Stream meta = Stream::meta(stream().target());
  for (const int64_t rows : {1, 8, 9})
    for (const DType dtype : {DType::bfloat16, DType::float32}) {
      const size_t bytes = scratch(stream(), rows, dtype);
      EXPECT_EQ(bytes == 0, on_cuda() && rows <= 8 && dtype == DType::bfloat16) << rows << " rows, " << dtype;
      EXPECT_EQ(scratch(meta, rows, dtype), bytes);
    }
}

// A stored weight is converted kLinearTile elements at a time; one in x's type not at all.
TEST(LinearOnCpu, NoWholeWeightIsWidened) {
  Stream stream = Stream::cpu();
  for (const Kind kind : {Kind::same, Kind::bfloat16, Kind::nf4, Kind::nf4_nested})
    for (const int64_t out : {2048, 4096}) {
      constexpr int64_t kIn = 2048;
      const Made w = made(stream, kind, DType::float32, out, kIn);
      Tensor x = tensor_of(stream, {4, kIn}, Values(4 * kIn, 1.0), DType::float32), y(stream, {4, out}, DType::float32);
      const size_t before = stream.allocator()->usage().live;
      stream.allocator()->reset_peak();
      kernels::linear(stream, y, x, w.weight);
      kernels::linear_input_gradient(stream, x, y, w.weight);
      EXPECT_EQ(stream.allocator()->usage().peak - before,
                kind == Kind::same ? 0 : size_t(kernels::kLinearTile) * sizeof(float));
    }
}

TEST(LinearOnCpu, NamesWhatIsWrong) {
  Stream stream = Stream::cpu();
  Tensor y(stream, {2, 5}, DType::float32);
  const Tensor x(stream, {2, 3}, DType::float32), weight(stream, {5, 4}, DType::float32);
  try {
    kernels::linear(stream, y, x, weight);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[linear] x must be (2, 4), got (2, 3)");
  }
}

}  // namespace
}  // namespace hone::test
