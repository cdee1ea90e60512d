// The norm and its gradient beside the formulas in double, on every device; what a planned run counts; what is refused.
#include "kernels/rms_norm/rms_norm.h"

#include <cmath>

#include "tests/support/devices.h"
#include "tests/support/gradcheck.h"
#include "tests/support/tolerances.h"

namespace hone::test {
namespace {

class RmsNorm : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, RmsNorm, each_device(), device_name);

constexpr double kEps = 1e-5;
constexpr double kGuard = 12345.0;

struct Size {
  int64_t rows, width;
};
// Below a warp and on both sides of it; the widest rows that a warp takes (512) and the narrowest of a block; whole
// 16-byte vectors (32, 264, 512, 520, 1024) and not; more than one chunk of rows for the weight's gradient; rows of
// warps that fill their last block (8) and that do not; more elements a row than a block has threads.
const std::vector<Size> kSizes{{1, 7},   {3, 31},  {2, 32},  {5, 33},  {33, 264}, {70, 40},
                               {8, 512}, {9, 511}, {3, 513}, {2, 520}, {2, 4099}, {2, 1024}};

template <class T>
double tolerance() {
  return dtype_of<T> == DType::float64 ? kFloat64 : kFloat32;
}

std::vector<double> random_values(int64_t count, uint64_t seed) {
  Stream stream = Stream::cpu();
  return random_tensor(stream, {count}, seed).to_host<double>();
}

// A matrix inside a larger buffer: `pad` elements before each row's end and one row around it hold kGuard.
template <class T>
class Framed {
 public:
  Framed(Stream& stream, Size size, int64_t pad, const std::vector<double>& values = {}) : size_(size), pad_(pad) {
    std::vector<T> all((size.rows + 2) * (size.width + pad), T(kGuard));
    for (int64_t r = 0; r < size.rows && !values.empty(); ++r)
      for (int64_t i = 0; i < size.width; ++i) all[(r + 1) * (size.width + pad) + i] = T(values[r * size.width + i]);
    buffer_ = Tensor::from(stream, {size.rows + 2, size.width + pad}, all);
    view = buffer_.row_range(1, size.rows + 1).columns(0, size.width);
  }
  bool guards_hold() const {
    const std::vector<T> all = buffer_.to_host<T>();
    for (int64_t r = 0; r < size_.rows + 2; ++r)
      for (int64_t i = 0; i < size_.width + pad_; ++i)
        if ((r == 0 || r > size_.rows || i >= size_.width) && all[r * (size_.width + pad_) + i] != T(kGuard))
          return false;
    return true;
  }
  Tensor view;

 private:
  Size size_;
  int64_t pad_;
  Tensor buffer_;
};

template <class T>
std::vector<double> rounded(std::vector<double> values) {
  for (double& v : values) v = double(T(v));
  return values;
}

struct Reference {
  std::vector<double> y, inv_rms, dx, dweight;
};
// y = x * weight / rms, and what <dy, y> gives for x and weight.
Reference reference(Size s, const std::vector<double>& x, const std::vector<double>& w, const std::vector<double>& dy) {
  Reference r{std::vector<double>(x.size()), std::vector<double>(s.rows), std::vector<double>(x.size()),
              std::vector<double>(s.width)};
  for (int64_t row = 0; row < s.rows; ++row) {
    const double *const v = &x[row * s.width], *const g = &dy[row * s.width];
    double squares = 0, dot = 0;
    for (int64_t i = 0; i < s.width; ++i) squares += v[i] * v[i], dot += g[i] * w[i] * v[i];
    const double rms = std::sqrt(squares / double(s.width) + kEps);
    r.inv_rms[row] = 1 / rms;
    for (int64_t i = 0; i < s.width; ++i) {
      r.y[row * s.width + i] = v[i] / rms * w[i];
      r.dx[row * s.width + i] = g[i] * w[i] / rms - v[i] * dot / (double(s.width) * rms * rms * rms);
      r.dweight[i] += g[i] * v[i] / rms;
    }
  }
  return r;
}

// pad: 0 and 4 keep 16-byte alignment where the width has it, 3 does not.
template <class T>
void forward_and_backward(Stream& stream, Size s, int64_t pad) {
  SCOPED_TRACE(joined(s.rows, " x ", s.width, ", pad ", pad, ", ", dtype_of<T>));
  const int64_t n = s.rows * s.width;
  const std::vector<double> x = rounded<T>(random_values(n, 1)), w = rounded<T>(random_values(s.width, 2)),
                            dy = rounded<T>(random_values(n, 3));
  const Reference expected = reference(s, x, w, dy);
  const Framed<T> in(stream, s, pad, x), cotangent(stream, s, pad, dy);
  Framed<T> y(stream, s, pad), inv_rms(stream, {1, s.rows}, 3), weight(stream, {1, s.width}, pad, w);
  Tensor inverse = inv_rms.view.view({s.rows});
  const Tensor scale = weight.view.view({s.width});

  kernels::rms_norm(stream, y.view, inverse, in.view, scale, kEps);
  EXPECT_LT(relative_error(y.view.template to_host<T>(), expected.y), tolerance<T>());
  EXPECT_LT(relative_error(inverse.to_host<T>(), expected.inv_rms), tolerance<T>());
  EXPECT_TRUE(y.guards_hold() && inv_rms.guards_hold());

  Framed<T> again(stream, s, pad);
  kernels::rms_norm_apply(stream, again.view, in.view, inverse, scale);
  EXPECT_EQ(again.view.template to_host<T>(), y.view.template to_host<T>())
      << "the remake must have the forward pass's bits";
  EXPECT_TRUE(again.guards_hold());

  Framed<T> dx(stream, s, pad), dweight(stream, {1, s.width}, pad, std::vector<double>(s.width, 1.0));
  Tensor dscale = dweight.view.view({s.width});
  kernels::rms_norm_backward(stream, &dx.view, &dscale, cotangent.view, in.view, inverse, scale);
  EXPECT_LT(relative_error(dx.view.template to_host<T>(), expected.dx), tolerance<T>());
  std::vector<double> one_more = expected.dweight;
  for (double& v : one_more) v += 1;
  EXPECT_LT(relative_error(dscale.to_host<T>(), one_more), tolerance<T>()) << "dweight is added to";
  EXPECT_TRUE(dx.guards_hold() && dweight.guards_hold());

  // dx_add, into its own memory; only what is asked for is touched.
  Framed<T> sum(stream, s, pad, dy);
  kernels::rms_norm_backward(stream, &sum.view, nullptr, cotangent.view, in.view, inverse, scale, &sum.view);
  std::vector<double> with_dy = expected.dx;
  for (int64_t i = 0; i < n; ++i) with_dy[i] += dy[i];
  EXPECT_LT(relative_error(sum.view.template to_host<T>(), with_dy), tolerance<T>());
  EXPECT_TRUE(sum.guards_hold());
}

TEST_P(RmsNorm, IsTheFormula) {
  for (const Size s : kSizes)
    for (const int64_t pad : {0, 3, 4}) {
      forward_and_backward<float>(stream(), s, pad);
      forward_and_backward<double>(stream(), s, pad);
    }
}

template <class T>
void residual(Stream& stream, Size s, int64_t pad) {
  SCOPED_TRACE(joined(s.rows, " x ", s.width, ", pad ", pad, ", ", dtype_of<T>));
  const int64_t n = s.rows * s.width;
  const std::vector<double> x = rounded<T>(random_values(n, 4)), delta = rounded<T>(random_values(n, 5)),
                            w = rounded<T>(random_values(s.width, 6));
  std::vector<double> together(n);
  for (int64_t i = 0; i < n; ++i) together[i] = double(T(T(x[i]) + T(delta[i])));
  const Reference expected = reference(s, together, w, together);
  const Framed<T> left(stream, s, pad, x), right(stream, s, pad + 8, delta);
  const Tensor scale = Tensor::from(stream, {s.width}, std::vector<T>(w.begin(), w.end()));
  Framed<T> sum(stream, s, pad), y(stream, s, pad);
  Tensor inverse(stream, {s.rows}, dtype_of<T>), again(stream, {s.rows, s.width}, dtype_of<T>);
  kernels::residual_rms_norm(stream, sum.view, y.view, inverse, left.view, right.view, scale, kEps);
  EXPECT_EQ(relative_error(sum.view.template to_host<T>(), together), 0);
  EXPECT_LT(relative_error(y.view.template to_host<T>(), expected.y), tolerance<T>());
  EXPECT_LT(relative_error(inverse.to_host<T>(), expected.inv_rms), tolerance<T>());
  EXPECT_TRUE(sum.guards_hold() && y.guards_hold());
  kernels::rms_norm_apply(stream, again, sum.view, inverse, scale);
  EXPECT_EQ(again.to_host<T>(), y.view.template to_host<T>()) << "the remake must have the forward pass's bits";
}

TEST_P(RmsNorm, OfASum) {
  for (const Size s : kSizes)
    for (const int64_t pad : {0, 3, 4}) {
      residual<float>(stream(), s, pad);
      residual<double>(stream(), s, pad);
    }
}

TEST_P(RmsNorm, SameInputSameBits) {
  const Size s{70, 264};
  const Tensor x = random_tensor(stream(), {s.rows, s.width}, 7, DType::float32),
               dy = random_tensor(stream(), {s.rows, s.width}, 8, DType::float32);
  const Tensor weight = random_tensor(stream(), {s.width}, 9, DType::float32);
  std::vector<std::vector<float>> seen;
  for (int run = 0; run < 2; ++run) {
    Tensor y(stream(), x.shape(), DType::float32), dx(stream(), x.shape(), DType::float32),
        inverse(stream(), {s.rows}, DType::float32);
    Tensor dweight = Tensor::from(stream(), {s.width}, std::vector<float>(s.width));
    kernels::rms_norm(stream(), y, inverse, x, weight, kEps);
    kernels::rms_norm_backward(stream(), &dx, &dweight, dy, x, inverse, weight);
    for (const Tensor& t : {y, dx, dweight}) seen.push_back(t.to_host<float>());
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(seen[i], seen[i + 3]);
}

// The same calls on meta, planned for this device, take as many bytes at the peak.
TEST_P(RmsNorm, PlannedBytesAreTheMeasured) {
  const auto peak = [](Stream& stream) {
    const Shape shape{70, 33};
    const Tensor x(stream, shape, DType::float32), weight(stream, {33}, DType::float32);
    Tensor y(stream, shape, DType::float32), inverse(stream, {70}, DType::float32),
        dweight(stream, {33}, DType::float32);
    kernels::rms_norm(stream, y, inverse, x, weight, kEps);
    kernels::rms_norm_backward(stream, &y, &dweight, x, x, inverse, weight);
    return stream.allocator()->usage().peak;
  };
  Stream meta = Stream::meta(stream().target());
  EXPECT_EQ(peak(meta), peak(stream()));
}

TEST_P(RmsNorm, NamesWhatIsWrong) {
  const Tensor x(stream(), {2, 4096}, DType::float32), weight(stream(), {4095}, DType::float32);
  Tensor y(stream(), {2, 4096}, DType::float32), inverse(stream(), {2}, DType::float32);
  try {
    kernels::rms_norm(stream(), y, inverse, x, weight, kEps);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[rms_norm] weight must be (4096), got (4095)");
  }
}

}  // namespace
}  // namespace hone::test
