// The norm of bfloat16 rows beside its formula in double, on each device: statistics and weight in float32, one
// rounding an element.
#include <cmath>

#include "kernels/rms_norm/rms_norm.h"
#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class RmsNormBfloat16 : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, RmsNormBfloat16, each_device(), device_name);

constexpr double kEps = 1e-5;
constexpr DType kRows = DType::bfloat16, kSums = DType::float32;

TEST_P(RmsNormBfloat16, AndItsGradientsAreTheFormulas) {
  for (const Shape shape : {Shape{1, 7}, Shape{3, 32}, Shape{33, 264}, Shape{2, 4099}, Shape{2, 4104}})
    for (const int64_t pad : {0, 3, 8}) {  // 3: rows that are not aligned
      SCOPED_TRACE(joined(shape, ", pad ", pad));
      const int64_t rows = shape[0], width = shape[1];
      const Values x = rounded_to(kRows, random_values(rows * width, 1)),
                   w = rounded_to(kSums, random_values(width, 2)),
                   dy = rounded_to(kRows, random_values(rows * width, 3)),
                   more = rounded_to(kRows, random_values(rows * width, 4));
      Values y(x.size()), inverse(static_cast<size_t>(rows)), dx(x.size()), dw(w.size(), 1.0);
      for (int64_t r = 0; r < rows; ++r) {
        double squares = 0, dot = 0;
        for (int64_t i = r * width; i < (r + 1) * width; ++i) squares += x[i] * x[i];
        const double rms = std::sqrt(squares / double(width) + kEps);
        inverse[size_t(r)] = 1 / rms;
        for (int64_t i = 0; i < width; ++i) {
          y[r * width + i] = x[r * width + i] / rms * w[i];
          dot += dy[r * width + i] * w[i] * x[r * width + i];
          dw[i] += dy[r * width + i] * x[r * width + i] / rms;
        }
        for (int64_t i = 0; i < width; ++i)
          dx[r * width + i] = (dy[r * width + i] * w[i] - x[r * width + i] * dot / double(width) / (rms * rms)) / rms +
                              more[r * width + i];
      }
      on_device(stream(), [&](Stream& stream) {
        Framed from(stream, shape, kRows, pad, x), g(stream, shape, kRows, 2 * pad, dy),
            to(stream, shape, kRows, 3 * pad), back(stream, shape, kRows, 4 * pad, more),
            weight(stream, {width}, kSums, 0, w), stats(stream, {rows}, kSums),
            dweight(stream, {width}, kSums, 0, Values(w.size(), 1.0));
        kernels::rms_norm(stream, *to, *stats, *from, *weight, kEps);
        EXPECT_LT(relative_error(to.values(), y), kBfloat16);
        EXPECT_LT(relative_error(stats.values(), inverse), kFloat32);
        Tensor again(stream, shape, kRows);
        kernels::rms_norm_apply(stream, again, *from, *stats, *weight);
        EXPECT_EQ(values_of(again), to.values()) << "the remake must have the forward pass's bits";
        kernels::rms_norm_backward(stream, &*back, &*dweight, *g, *from, *stats, *weight, &*back);
        EXPECT_LT(relative_error(back.values(), dx), kBfloat16);
        EXPECT_LT(relative_error(dweight.values(), dw), 10 * kFloat32);
        EXPECT_TRUE(to.intact() && stats.intact() && back.intact() && dweight.intact());
        return back.values();
      });
    }
}

TEST_P(RmsNormBfloat16, NormOfASumIsTheNormOfTheRoundedSum) {
  for (const Shape shape : {Shape{5, 129}, Shape{3, 264}}) {
    const int64_t rows = shape[0], width = shape[1];
    const Values x = rounded_to(kRows, random_values(shape.elements(), 1)),
                 delta = rounded_to(kRows, random_values(shape.elements(), 2)), w(size_t(width), 0.75);
    Values together(x.size());
    for (size_t i = 0; i < x.size(); ++i) together[i] = x[i] + delta[i];
    together = rounded_to(kRows, together);
    const Tensor weight = tensor_of(stream(), {width}, w, kSums);
    Framed sum(stream(), shape, kRows, 8), y(stream(), shape, kRows, 8);
    Tensor inverse(stream(), {rows}, kSums), again(stream(), shape, kRows), stats(stream(), {rows}, kSums);
    kernels::residual_rms_norm(stream(), *sum, *y, inverse, tensor_of(stream(), shape, x, kRows),
                               tensor_of(stream(), shape, delta, kRows), weight, kEps);
    EXPECT_EQ(sum.values(), together);
    EXPECT_TRUE(sum.intact() && y.intact());
    kernels::rms_norm(stream(), again, stats, *sum, weight, kEps);
    EXPECT_EQ(values_of(again), y.values());
    EXPECT_EQ(values_of(stats), values_of(inverse));
  }
}

}  // namespace
}  // namespace hone::test
