// Fills, copies, sums and conversions on each device, at sizes on both sides of a thread's piece and of a block's, with
// row strides and in place.
#include "kernels/elementwise/elementwise.h"

#include <bit>
#include <cmath>

#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class Elementwise : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, Elementwise, each_device(), device_name);

// Threads' pieces on the CPU are 8192 elements, blocks' up to 4096 on a GPU; 8 elements are whole vectors of any type.
const std::vector<Shape> kShapes{{1, 1},    {3, 31}, {2, 33},  {65, 127}, {1, 8191}, {2, 8193},
                                 {9000, 1}, {4099},  {600, 8}, {3, 256},  {2, 2056}, {1, 4104}};
// 3: rows that are not aligned; 8: rows apart that are.
std::vector<int64_t> pads(const Shape& shape) {
  return shape[shape.rank() - 1] % 8 == 0 ? std::vector<int64_t>{0, 3, 8} : std::vector<int64_t>{0, 3};
}
constexpr auto kTypes = {DType::float32, DType::float64, DType::bfloat16};

// op on a framed y that starts as `start`; every element beside `expected`, exactly.
void expect_exactly(Stream& on, const Shape& shape, DType dtype, int64_t pad, const Values& start,
                    const Values& expected, const std::function<void(Stream&, Tensor&)>& op) {
  SCOPED_TRACE(joined(shape, ", ", dtype, ", pad ", pad));
  const Values got = on_device(on, [&](Stream& stream) {
    Framed y(stream, shape, dtype, pad, start);
    op(stream, *y);
    EXPECT_TRUE(y.intact());
    return y.values();
  });
  EXPECT_EQ(got, expected);
}

TEST_P(Elementwise, FillCopyAddScale) {
  for (const Shape& shape : kShapes)
    for (const DType dtype : kTypes)
      for (const int64_t pad : pads(shape)) {
        const Values a = rounded_to(dtype, random_values(shape.elements(), 1)),
                     b = rounded_to(dtype, random_values(shape.elements(), 2));
        Values sum(a.size()), product(a.size());
        for (size_t i = 0; i < a.size(); ++i) sum[i] = a[i] + b[i], product[i] = a[i] * 0.375;
        sum = rounded_to(dtype, sum), product = rounded_to(dtype, product);
        const auto frame = [&](Stream& stream, const Values& values, int64_t strides = 2) {
          return Framed(stream, shape, dtype, strides * pad, values);
        };
        expect_exactly(stream(), shape, dtype, pad, {}, Values(a.size(), 1.5),
                       [](Stream& s, Tensor& y) { kernels::fill(s, y, 1.5); });
        expect_exactly(stream(), shape, dtype, pad, {}, a,
                       [&](Stream& s, Tensor& y) { kernels::copy(s, y, *frame(s, a)); });
        expect_exactly(stream(), shape, dtype, pad, {}, sum,
                       [&](Stream& s, Tensor& y) { kernels::add(s, y, *frame(s, a), *frame(s, b, 3)); });
        expect_exactly(stream(), shape, dtype, pad, a, sum,
                       [&](Stream& s, Tensor& y) { kernels::add(s, y, y, *frame(s, b)); });
        expect_exactly(stream(), shape, dtype, pad, a, sum,
                       [&](Stream& s, Tensor& y) { kernels::add(s, y, *frame(s, b), y); });
        expect_exactly(stream(), shape, dtype, pad, a, product,
                       [&](Stream& s, Tensor& y) { kernels::scale(s, y, tensor_of(s, {1}, {0.375}, wide_of(dtype))); });
      }
}

TEST_P(Elementwise, BiasAndItsGradient) {
  for (const Shape& shape : {Shape{1, 1}, {31, 63}, {33, 64}, {4099, 3}, {2, 4099}, {33, 1032}, {0, 8}})
    for (const DType dtype : kTypes)
      for (const int64_t pad : pads(shape)) {
        const int64_t rows = shape[0], width = shape[1];
        const Values x = rounded_to(dtype, random_values(rows * width, 1)),
                     bias = rounded_to(wide_of(dtype), random_values(width, 2));
        Values with(x.size()), sums(width, 1.0);
        for (int64_t i = 0; i < rows * width; ++i) with[i] = x[i] + bias[i % width], sums[i % width] += x[i];
        expect_exactly(stream(), shape, dtype, pad, x, rounded_to(dtype, with), [&](Stream& s, Tensor& y) {
          kernels::add_bias(s, y, tensor_of(s, {width}, bias, wide_of(dtype)));
        });
        on_device(stream(), [&](Stream& stream) {
          Framed to(stream, {width}, wide_of(dtype), 0, Values(width, 1.0)), from(stream, shape, dtype, pad, x);
          kernels::add_column_sums(stream, *to, *from);
          EXPECT_LT(relative_error(to.values(), sums), rows > 1000 ? 10 * tolerance_of(dtype) : tolerance_of(dtype));
          EXPECT_TRUE(to.intact());
          return to.values();
        });
      }
}

TEST_P(Elementwise, ConversionsBetweenAllTypes) {
  const std::vector<DType> kStored{DType::float32, DType::float64, DType::bfloat16};
  for (const Shape& shape : {Shape{3, 31}, {1, 8193}, {3, 1032}})
    for (const DType from : kStored)
      for (const DType to : kStored) {
        SCOPED_TRACE(joined(from, " to ", to));
        const Values x = rounded_to(from, random_values(shape.elements(), 1));
        const Values middle = from == DType::float64 && to == DType::float64 ? x : rounded_to(DType::float32, x);
        for (const int64_t pad : {0, 3, 8})
          expect_exactly(stream(), shape, to, pad, {}, rounded_to(to, middle), [&](Stream& s, Tensor& y) {
            Framed source(s, shape, from, 2 * pad, x);
            kernels::convert(s, y, *source);
          });
      }
}

// Rows of whole vectors whose strides keep them aligned, but whose first element is not.
TEST_P(Elementwise, ViewsThatBeginBetweenVectors) {
  for (const DType dtype : kTypes) {
    const Values values = rounded_to(dtype, random_values(5 * 24, 1));
    const Tensor all = tensor_of(stream(), {5, 24}, values, dtype);
    Tensor y(stream(), {5, 8}, dtype), doubled = tensor_of(stream(), {5, 24}, values, dtype);
    kernels::copy(stream(), y, all.columns(3, 11));
    Tensor part = doubled.columns(3, 11);
    kernels::add(stream(), part, part, all.columns(3, 11));
    const Values copied = values_of(y), sums = values_of(doubled);
    for (int64_t i = 0; i < 5 * 24; ++i) {
      const bool inside = i % 24 >= 3 && i % 24 < 11;
      EXPECT_EQ(sums[i], inside ? 2 * values[i] : values[i]);
      EXPECT_TRUE(!inside || copied[i / 24 * 8 + i % 24 - 3] == values[i]);
    }
  }
}

TEST_P(Elementwise, PlannedBytesAreTheMeasured) {
  const auto peak = [](Stream& stream) {
    const Tensor y(stream, {70, 33}, DType::bfloat16);
    Tensor sums(stream, {33}, DType::float32);
    kernels::fill(stream, sums, 0);
    kernels::add_column_sums(stream, sums, y);
    return stream.allocator()->usage().peak;
  };
  Stream meta = Stream::meta(stream().target());
  EXPECT_EQ(peak(meta), peak(stream()));
}

// The bits of IEEE 754: ties to even, overflow to infinity, NaN stays NaN.
TEST(Bfloat16, RoundsToNearestEven) {
  for (const auto& [from, to] : std::vector<std::pair<uint32_t, uint16_t>>{{0x3F808000, 0x3F80},
                                                                           {0x3F818000, 0x3F82},
                                                                           {0x3F808001, 0x3F81},
                                                                           {0x3F807FFF, 0x3F80},
                                                                           {0x7F7FFFFF, 0x7F80},
                                                                           {0xFF800000, 0xFF80},
                                                                           {0x80000000, 0x8000},
                                                                           {0x00018000, 0x0002}})
    EXPECT_EQ(bfloat16(std::bit_cast<float>(from)).bits, to) << std::hex << from;
  EXPECT_TRUE(std::isnan(float(bfloat16(std::bit_cast<float>(0x7F800001u)))));
}

}  // namespace
}  // namespace hone::test
